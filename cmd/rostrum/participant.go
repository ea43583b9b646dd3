package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"rostrum/realtime"
)

// participantFlags say how a participant reaches its stage: by a token, which names the
// server, or by the URL of any WHIP or WHEP server.
type participantFlags struct {
	Token   string           `env:"ROSTRUM_TOKEN" help:"Participant token; it names the server and the participant."`
	Bearer  string           `help:"Bearer token for the URL given." group:"Other servers"`
	Network realtime.Network `enum:"any,udp,tcp" default:"any" help:"Transport of media: any (through TURN if nothing else works), udp or tcp."`

	Rejoin time.Duration `default:"1m" help:"How long to try to reconnect after the server or the network failed; 0 ends at once."`
}

// readToken reads the token, and refuses one that has expired.
func (f *participantFlags) readToken() (realtime.Token, error) {
	if f.Token == "" {
		return realtime.Token{}, misuse(errors.New("give --token, or set ROSTRUM_TOKEN"))
	}
	t, err := realtime.ReadToken(f.Token)
	if err != nil {
		return t, misuse(err)
	}
	if !t.ExpiresAt.IsZero() && time.Now().After(t.ExpiresAt) {
		return t, denied{fmt.Errorf("the token expired at %s", t.ExpiresAt.Format(time.RFC3339))}
	}
	return t, nil
}

// denied marks an error that another token would cure: the exit code becomes 3.
type denied struct{ error }

func (d denied) Unwrap() error { return d.error }

// denial marks err as denied if the server refused the token.
func denial(err error) error {
	if p, ok := errors.AsType[*realtime.Problem](err); ok && p.Denied() {
		return denied{err}
	}
	return err
}

// A size is the width and height of a picture.
type size struct{ width, height int }

// UnmarshalText reads WIDTHxHEIGHT.
func (s *size) UnmarshalText(text []byte) error {
	wide, high, _ := strings.Cut(string(text), "x")
	width, err1 := strconv.Atoi(wide)
	height, err2 := strconv.Atoi(high)
	if errors.Join(err1, err2) != nil || width <= 0 || height <= 0 {
		return fmt.Errorf("%q is not a size like 1280x720", text)
	}
	*s = size{width, height}
	return nil
}

// A bitrate is a number of bits a second.
type bitrate int

// UnmarshalText reads a number, with k or M for thousands or millions.
func (b *bitrate) UnmarshalText(text []byte) error {
	digits, unit := string(text), 1.0
	switch {
	case strings.HasSuffix(digits, "k"), strings.HasSuffix(digits, "K"):
		digits, unit = digits[:len(digits)-1], 1e3
	case strings.HasSuffix(digits, "M"):
		digits, unit = digits[:len(digits)-1], 1e6
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n >= 0 && n*unit <= 1e9) {
		return fmt.Errorf("%q is not a bit rate like 2500k or 2.5M", text)
	}
	*b = bitrate(n * unit)
	return nil
}
