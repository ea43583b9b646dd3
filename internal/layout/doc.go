// Package layout places participants in a picture: who is shown, where, and which
// part of their own picture. It is arithmetic alone and knows no codec.
//
// A layout is a [Grid] or a [Pip], with the attributes and defaults of the API's
// GridConfiguration and PipConfiguration. Arrange takes the participants in order
// of their arrival and returns the tiles to draw, the lowest first. All tiles lie
// within the canvas on even pixels, as 4:2:0 pictures need. The same participants
// give the same tiles.
//
// docs/layouts.md draws every parameter; a test makes those drawings.
//
// # What the public description leaves open
//
// Rows and columns are those with the largest tiles of the wished aspect ratio; of
// equals, those with fewer empty places, then those with fewer rows. The tiles
// stand in the middle of the canvas, the last row in the middle of its own.
//
// AUTO gives tiles no ratio of their own: they fill the canvas but for the gaps,
// in the rows and columns that show most of the participants' pictures. Below a
// featured participant they are 16:9.
//
// The strip below a featured participant takes a quarter of the canvas's height.
// Of several who could be featured, or in the window, the first by order is; the
// others are tiles like any other.
//
// In picture-in-picture the main area is a grid of AUTO tiles. With neither
// attribute configured, the first participant is featured and nobody is in the
// window. A window without a size takes a sixteenth of the canvas's area, in the
// shape of its participant's picture.
//
// A gap is rounded up to an even number, and takes at most half of the canvas.
package layout
