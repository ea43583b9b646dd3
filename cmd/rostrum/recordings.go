package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"rostrum/internal/config"
	"rostrum/internal/recording"
	"rostrum/internal/server"
)

// recordingsCommands are the commands about recordings in buckets. They need no server.
type recordingsCommands struct {
	List   recordingsListCommand   `cmd:"" help:"List recordings of participants and compositions."`
	Verify recordingsVerifyCommand `cmd:"" help:"Check recordings from end to end: files, playlists, times, codecs."`
	Export recordingsExportCommand `cmd:"" help:"Write recordings into MP4 files, without coding them again, or side by side into one."`
}

// A place says where recordings are.
type place struct {
	Settings config.Settings `embed:""`
	Where    []string        `arg:"" optional:"" placeholder:"PLACE" help:"A bucket or BUCKET/PREFIX, the ARN of a storage configuration, or a folder (./PATH); by default all storage configurations."`
}

type recordingsListCommand struct{ place }

// Run lists recordings by place and prefix.
func (c *recordingsListCommand) Run(ctx context.Context, out *output) error {
	found, err := server.FindRecordings(ctx, &c.Settings, c.Where...)
	if err != nil {
		return err
	}
	all := make([]recording.Description, 0, len(found))
	for _, r := range found {
		d, err := r.Describe(ctx)
		if err != nil {
			d.Status = "unknown: " + err.Error()
		}
		all = append(all, d)
	}
	return out.print(all, func(w io.Writer) { tabulateRecordings(w, all) })
}

func tabulateRecordings(w io.Writer, all []recording.Description) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "RECORDING\tOF\tSTATUS\tSTARTED\tDURATION\tMIB")
	for _, d := range all {
		of, duration := d.ParticipantID, ""
		if of == "" {
			of = "composition"
		}
		if d.Ended != "" {
			duration = (time.Duration(d.DurationMS) * time.Millisecond).Round(time.Second / 10).String()
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\t%.1f\n", d.Recording, of, d.Status, d.Started, duration, float64(d.Bytes)/(1<<20))
	}
	tab.Flush()
}

type recordingsVerifyCommand struct{ place }

// Run prints what is wrong with recordings. It fails if anything is, or if there is none.
func (c *recordingsVerifyCommand) Run(ctx context.Context, out *output) error {
	found, err := server.FindRecordings(ctx, &c.Settings, c.Where...)
	if err != nil {
		return err
	}
	damaged := 0
	for _, r := range found {
		report, err := r.Verify(ctx)
		if err != nil {
			return err
		}
		if len(report.Problems) > 0 {
			damaged++
		}
		if err := out.print(report, func(w io.Writer) { describeReport(w, report) }); err != nil {
			return err
		}
	}
	switch {
	case len(found) == 0:
		return errors.New("there is no recording")
	case damaged > 0:
		return fmt.Errorf("%d of %d recordings have problems", damaged, len(found))
	}
	return nil
}

func describeReport(w io.Writer, r *recording.Report) {
	verdict := "ok"
	if len(r.Problems) > 0 {
		verdict = fmt.Sprintf("%d problems", len(r.Problems))
	}
	fmt.Fprintf(w, "%s: %s\n", r.Recording, verdict)
	fmt.Fprintf(w, "  %s, %v in %d segments and %d sections", r.Status, time.Duration(r.MediaMS)*time.Millisecond, r.Segments, r.Sections)
	if r.GapsMS > 0 {
		fmt.Fprintf(w, ", %v between them", time.Duration(r.GapsMS)*time.Millisecond)
	}
	fmt.Fprintf(w, "; %d files, %.1f MiB\n", r.Files, float64(r.Bytes)/(1<<20))
	for _, p := range r.Problems {
		fmt.Fprintf(w, "  %v\n", p)
	}
}
