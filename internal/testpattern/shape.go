package testpattern

import (
	"image"
	"image/draw"
	"math"

	"golang.org/x/image/vector"
)

// A point is a place in pixels.
type point struct{ x, y float64 }

// fillPolygon returns a mask of a polygon, smooth at its border.
func fillPolygon(corners ...point) *image.Alpha {
	box := boxOf(corners)
	if box.Empty() {
		return &image.Alpha{}
	}
	r := vector.NewRasterizer(box.Dx(), box.Dy())
	r.DrawOp = draw.Src
	for i, c := range corners {
		x, y := float32(c.x-float64(box.Min.X)), float32(c.y-float64(box.Min.Y))
		if i == 0 {
			r.MoveTo(x, y)
		} else {
			r.LineTo(x, y)
		}
	}
	r.ClosePath()
	mask := image.NewAlpha(image.Rect(0, 0, box.Dx(), box.Dy()))
	r.Draw(mask, mask.Rect, image.Opaque, image.Point{})
	mask.Rect = box
	return mask
}

func boxOf(points []point) image.Rectangle {
	if len(points) == 0 {
		return image.Rectangle{}
	}
	low, high := points[0], points[0]
	for _, p := range points {
		low.x, low.y = min(low.x, p.x), min(low.y, p.y)
		high.x, high.y = max(high.x, p.x), max(high.y, p.y)
	}
	return image.Rect(int(math.Floor(low.x)), int(math.Floor(low.y)), int(math.Ceil(high.x)), int(math.Ceil(high.y)))
}

// circle is a polygon that looks round.
func circle(centre point, radius float64) []point {
	const corners = 48
	return arc(centre, radius, 0, 2*math.Pi, corners)
}

func arc(centre point, radius, from, to float64, corners int) (all []point) {
	for i := range corners + 1 {
		sin, cos := math.Sincos(from + (to-from)*float64(i)/float64(corners))
		all = append(all, point{centre.x + radius*cos, centre.y + radius*sin})
	}
	return all
}

// moved is a mask elsewhere.
func moved(mask *image.Alpha, by image.Point) *image.Alpha {
	return &image.Alpha{Pix: mask.Pix, Stride: mask.Stride, Rect: mask.Rect.Add(by)}
}
