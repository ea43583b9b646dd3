package loadtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
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

// usageOfTree adds what the descendants of a process use, such as its transcoders.
func usageOfTree(pid int) usage {
	sum := usageOf(pid)
	if !sum.known {
		return sum
	}
	children := map[int][]int{}
	all, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, path := range all {
		stat, _ := os.ReadFile(path) // it may have ended
		_, rest, _ := bytes.Cut(stat, []byte(") "))
		if f := bytes.Fields(rest); len(f) > 1 {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			parent, _ := strconv.Atoi(string(f[1]))
			children[parent] = append(children[parent], child)
		}
	}
	for rest := children[pid]; len(rest) > 0; rest = rest[1:] {
		one := usageOf(rest[0])
		sum.cpu, sum.resident = sum.cpu+one.cpu, sum.resident+one.resident
		rest = append(rest, children[rest[0]]...)
	}
	return sum
}
