// The entry point: every public name, and all of them together as the default.

export * as default from './public.ts';
export * from './public.ts';
