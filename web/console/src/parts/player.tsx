/** Plays a playlist with the player page of the server. */
export const Player = ({ url, title }: { url: string; title: string }) => <iframe key={url} className="player" title={title} src={`/play/#${url}`} allow="autoplay; fullscreen" />;
