/** The build's plug-in compiles the module, and gives its text. */
declare module '*?source' {
  const source: string;
  export default source;
}

/** The package's version, by the build. */
declare const VERSION: string;
