// Command record-wav writes the audio of each participant into a WAV file of its own, named by
// the participant's id: record-wav TOKEN FOLDER
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/pion/opus"

	"rostrum/realtime"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	stage, err := realtime.Join(ctx, os.Args[1], realtime.Config{})
	if err != nil {
		log.Fatal(err)
	}
	err = stage.Follow(ctx, nil, func(ctx context.Context, p realtime.Participant) {
		if err := record(ctx, stage, p, filepath.Join(os.Args[2], p.ID+".wav")); err != nil {
			log.Printf("record %s: %v", p.ID, err)
		}
	})
	if err = errors.Join(err, stage.Close()); err != nil {
		log.Fatal(err)
	}
}

// record writes one participant until ctx ends, or the participant ceases to publish.
func record(ctx context.Context, stage *realtime.Stage, p realtime.Participant, path string) error {
	out, err := createWAV(path)
	if err != nil {
		return err
	}
	sub, err := stage.Subscribe(ctx, p.ID, realtime.SubscribeConfig{AudioOnly: true, OnSample: out.write})
	if err != nil {
		return errors.Join(err, out.close())
	}
	fmt.Println("recording", path)
	select {
	case <-ctx.Done():
	case <-sub.Done():
	}
	// After Close nothing is written any more.
	return errors.Join(sub.Close(), out.close())
}

const (
	sampleRate = 48000
	channels   = 2
	maxSamples = sampleRate * 120 / 1000 // of the longest packet
	headerSize = 44
)

// A wav is a file of 16-bit PCM.
type wav struct {
	file    *os.File
	decoder opus.Decoder
	pcm     [maxSamples * channels]float32
	samples int64 // written of each channel
	err     error
}

func createWAV(path string) (*wav, error) {
	decoder, err := opus.NewDecoderWithOutput(sampleRate, channels)
	if err != nil {
		return nil, err
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	_, err = file.Write(make([]byte, headerSize)) // close writes the header
	return &wav{file: file, decoder: decoder}, err
}

// write appends a packet. What is missing before it, by its time, is silence.
func (w *wav) write(_ *realtime.RemoteTrack, r realtime.Received) {
	if w.err != nil {
		return
	}
	if missing := int64(r.Time.Seconds()*sampleRate) - w.samples; missing > 0 {
		w.append(make([]float32, min(missing, sampleRate)*channels))
	}
	n, err := w.decoder.DecodeToFloat32(r.Data, w.pcm[:])
	if err != nil {
		return // a damaged packet is silence
	}
	w.append(w.pcm[:n*channels])
}

func (w *wav) append(pcm []float32) {
	out := make([]byte, 0, 2*len(pcm))
	for _, s := range pcm {
		out = binary.LittleEndian.AppendUint16(out, uint16(int16(max(-1, min(1, s))*32767)))
	}
	_, w.err = w.file.Write(out)
	w.samples += int64(len(pcm) / channels)
}

// close completes the header.
func (w *wav) close() error {
	size := uint32(w.samples * channels * 2)
	le := binary.LittleEndian
	h := append([]byte("RIFF"), le.AppendUint32(nil, headerSize-8+size)...)
	h = append(h, "WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00"...) // PCM, two channels
	h = le.AppendUint32(le.AppendUint32(h, sampleRate), sampleRate*channels*2)
	h = append(le.AppendUint16(le.AppendUint16(h, channels*2), 16), "data"...)
	_, err := w.file.WriteAt(le.AppendUint32(h, size), 0)
	return errors.Join(w.err, err, w.file.Close())
}
