//go:build cgo

package codec

// #include "codec.h"
import "C"

import (
	"errors"
	"fmt"
	"image"
	"unsafe"
)

// A Tile holds a scaled picture.
type Tile struct {
	c    *C.Tile
	size image.Point
}

// NewTile makes an empty tile: putting it on a canvas changes nothing.
func NewTile() (*Tile, error) {
	t := &Tile{c: C.tile_new()}
	if t.c == nil {
		return nil, errors.New("make tile: out of memory")
	}
	return t, nil
}

// Scale scales a rectangle of a picture, with its corner on even pixels, to an even size.
func (t *Tile) Scale(p *Picture, source image.Rectangle, to image.Point) error {
	t.size = to
	return failure("scale", C.tile_scale(t.c, p.frame, C.int(source.Min.X), C.int(source.Min.Y),
		C.int(source.Dx()), C.int(source.Dy()), C.int(to.X), C.int(to.Y)))
}

// Close frees the tile.
func (t *Tile) Close() {
	C.tile_free(t.c)
	t.c = nil
}

// A Canvas is a composed picture: planar 4:2:0, BT.709, studio range. Tiles must be within
// it, on even pixels.
type Canvas struct {
	c             *C.Canvas
	width, height int
}

// NewCanvas makes a black canvas.
func NewCanvas(width, height int) (*Canvas, error) {
	if width < 2 || height < 2 || width%2 != 0 || height%2 != 0 {
		return nil, fmt.Errorf("make canvas of %dx%d: must be even", width, height)
	}
	c := &Canvas{width: width, height: height}
	return opened(c, failure("make canvas", C.canvas_new(&c.c, C.int(width), C.int(height))))
}

// Begin makes the canvas writable: an encoder may still hold the last picture. It must be
// called before each round of drawing.
func (c *Canvas) Begin() error { return failure("draw", C.canvas_make_writable(c.c)) }

// Fill draws a rectangle in a grey of studio range: 16 is black, 235 white.
func (c *Canvas) Fill(r image.Rectangle, luma uint8) {
	if r = r.Intersect(image.Rect(0, 0, c.width, c.height)); !r.Empty() {
		C.canvas_fill(c.c, C.int(r.Min.X), C.int(r.Min.Y), C.int(r.Dx()), C.int(r.Dy()), C.int(luma))
	}
}

// Put draws the tile with its top left corner at a point.
func (c *Canvas) Put(t *Tile, at image.Point) {
	if !(image.Rectangle{at, at.Add(t.size)}).In(image.Rect(0, 0, c.width, c.height)) {
		panic(fmt.Sprintf("codec: tile of %v at %v is outside of a canvas of %dx%d", t.size, at, c.width, c.height))
	}
	C.canvas_put(c.c, t.c, C.int(at.X), C.int(at.Y))
}

// Plane is the memory of the canvas: plane 0 is luma, 1 and 2 are chroma in half the size.
// It is valid until the next Begin.
func (c *Canvas) Plane(i int) (pixels []byte, stride int) {
	var s C.int
	p := C.canvas_plane(c.c, C.int(i), &s)
	rows := c.height
	if i > 0 {
		rows /= 2
	}
	return unsafe.Slice((*byte)(p), int(s)*rows), int(s)
}

// Image is a copy of the canvas in the colours and range of JPEG (JFIF 1.02).
func (c *Canvas) Image() *image.YCbCr {
	m := image.NewYCbCr(image.Rect(0, 0, c.width, c.height), image.YCbCrSubsampleRatio420)
	C.canvas_copy_jpeg(c.c, (*C.uint8_t)(&m.Y[0]), (*C.uint8_t)(&m.Cb[0]), (*C.uint8_t)(&m.Cr[0]))
	return m
}

// Close frees the canvas.
func (c *Canvas) Close() {
	C.canvas_free(c.c)
	c.c = nil
}
