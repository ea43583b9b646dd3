// Package layout arranges participants in a picture: which ones are shown, where, and
// which part of their own picture. It only calculates.
//
// A layout is a [Grid] or a [Pip], with the attributes and defaults of the API's
// GridConfiguration and PipConfiguration. Arrange takes the participants in order
// of their arrival and returns the tiles to draw, the lowest first. All tiles are within
// the canvas on even pixels, as 4:2:0 pictures need. The same participants give the same
// tiles.
//
// docs/layouts.md draws every parameter; a test makes those drawings.
//
// # What the API does not specify
//
// Rows and columns are those with the largest tiles of the configured aspect ratio; of
// equals, those with fewer empty cells, then those with fewer rows. The tiles are centred
// on the canvas, and the last row is centred below the others.
//
// With AUTO tiles have no aspect ratio: they fill the canvas but for the gaps, in the rows
// and columns that show the largest part of the participants' pictures. Below a featured
// participant they are 16:9.
//
// The strip below a featured participant takes a quarter of the canvas's height.
// If several participants could be featured, or be in the window, the first by order is;
// the others get tiles like any other.
//
// In picture-in-picture the main area is a grid of AUTO tiles. With neither
// attribute configured, the first participant is featured and nobody is in the window. A
// window without a size takes a sixteenth of the canvas's area, in the aspect ratio of its
// participant's picture.
//
// A gap is rounded up to an even number, and takes at most half of the canvas.
package layout
