// Command rostrum serves stages: the Amazon IVS Real-Time API, the media of its
// participants and the tools around them.
package main

func main() {}
