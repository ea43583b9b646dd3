/** The line of FFmpeg that sends a file to an address. Single quotes keep the shell from reading the key. */
export const ffmpegLine = (server: string, streamKey: string): string =>
  `ffmpeg -re -i film.mp4 -c:v libx264 -preset veryfast -tune zerolatency -bf 0 -g 30 -b:v 2500k -maxrate 2500k -bufsize 2500k -pix_fmt yuv420p -c:a aac -ar 48000 -ac 2 -b:a 128k -f flv '${server}${streamKey}'`;
