package store

const crashChild = "ROSTRUM_STORE_CRASH_CHILD"

func writeUntilKilled(dir string) {}
