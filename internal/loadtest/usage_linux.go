package loadtest

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// userTick is the unit of proc(5): USER_HZ is 100 on all architectures of Go.
const userTick = 10 * time.Millisecond

// usageOf reads proc(5).
func usageOf(pid int) usage {
	if pid <= 0 {
		return usage{}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}
	}
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // the name may have spaces
	f := bytes.Fields(rest)
	const utime, stime, rss = 11, 12, 21      // counted from the field after the name
	if len(f) <= rss || string(f[0]) == "Z" { // a zombie
		return usage{}
	}
	var n [3]int64
	for i, at := range []int{utime, stime, rss} {
		if n[i], err = strconv.ParseInt(string(f[at]), 10, 64); err != nil {
			return usage{}
		}
	}
	return usage{known: true, cpu: time.Duration(n[0]+n[1]) * userTick, resident: n[2] * int64(os.Getpagesize())}
}
