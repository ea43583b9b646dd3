// Package recording reads recordings of participants and compositions, as package recorder
// and the workers of compositions write them: it finds them in buckets, checks them from
// end to end, and exports them as MP4 files.
//
// It relies on nothing but the files of a recording, so that it also reads what another
// server wrote, and copies of it.
package recording
