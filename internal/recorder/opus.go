package recorder

// opusRate is the clock of Opus, in ticks a second.
const opusRate = 48_000

// opusSilence is a packet of 20 ms without sound, in stereo.
var opusSilence = []byte{0xfc, 0xff, 0xfe}

const opusSilenceTicks = 960
