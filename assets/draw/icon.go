package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
)

// An icon is a tile with a hub on it: a node in the middle and three around it,
// as one endpoint with its servers. The tile makes it readable on light and dark
// panels alike. What needs the user is a badge in the lower right corner.
type icon struct {
	tile  color.NRGBA
	hub   color.NRGBA
	badge color.NRGBA // transparent: none
	sign  sign        // on the badge
}

// A sign tells the badges apart for those who cannot tell the colours.
type sign uint8

const (
	noSign sign = iota
	bang        // a bar over a dot
	cross
)

var (
	white = color.NRGBA{255, 255, 255, 255}
	ink   = color.NRGBA{40, 24, 0, 255}
	icons = map[string]icon{
		"normal":    {tile: color.NRGBA{47, 111, 222, 255}, hub: white},
		"attention": {tile: color.NRGBA{47, 111, 222, 255}, hub: white, badge: color.NRGBA{255, 179, 0, 255}, sign: bang},
		"error":     {tile: color.NRGBA{47, 111, 222, 255}, hub: white, badge: color.NRGBA{224, 36, 36, 255}, sign: cross},
		"paused":    {tile: color.NRGBA{128, 134, 145, 255}, hub: color.NRGBA{222, 225, 230, 255}},
	}
	sizes = []int{16, 22, 32, 48}
)

// draw returns all files by name.
func draw() (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, ic := range icons {
		var pictures []*image.NRGBA
		for _, size := range sizes {
			p := ic.render(size)
			data, err := encode(p)
			if err != nil {
				return nil, err
			}
			files[fmt.Sprintf("%s-%d.png", name, size)] = data
			pictures = append(pictures, p)
		}
		files[name+".ico"] = ico(pictures)
	}
	return files, nil
}

func encode(p image.Image) ([]byte, error) {
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	err := enc.Encode(&b, p)
	return b.Bytes(), err
}

// A point is a place on the icon; the icon is 32 units wide at every size.
type point struct{ x, y float64 }

var (
	centre = point{14.5, 15.5}
	nodes  = []point{{14.5, 6}, {6.3, 20.8}, {22.7, 20.8}}
	corner = point{23.8, 23.8} // of the badge
)

// at returns the colour of a point.
func (ic icon) at(p point) color.NRGBA {
	if ic.badge.A > 0 {
		switch d := distance(p, corner); {
		case d < 7.6 && ic.signed(p):
			if ic.sign == bang {
				return ink
			}
			return white
		case d < 7.6:
			return ic.badge
		case d < 9.2:
			return color.NRGBA{} // a gap sets the badge off
		}
	}
	if !rounded(p, 1, 1, 28, 28, 6.5) {
		return color.NRGBA{}
	}
	if distance(p, centre) < 4.1 {
		return ic.hub
	}
	for _, n := range nodes {
		if distance(p, n) < 3 || fromLine(p, centre, n) < 1.15 {
			return ic.hub
		}
	}
	return ic.tile
}

// signed reports whether a point is part of the badge's sign.
func (ic icon) signed(p point) bool {
	x, y := p.x-corner.x, p.y-corner.y
	switch ic.sign {
	case bang:
		return math.Abs(x) < 1.35 && (y > -5 && y < 1.2 || y > 2.6 && y < 5.2)
	case cross:
		return fromLine(point{x, y}, point{-2.9, -2.9}, point{2.9, 2.9}) < 1.4 || fromLine(point{x, y}, point{-2.9, 2.9}, point{2.9, -2.9}) < 1.4
	}
	return false
}

func distance(a, b point) float64 { return math.Hypot(a.x-b.x, a.y-b.y) }

// fromLine returns the distance of p from the line between a and b.
func fromLine(p, a, b point) float64 {
	dx, dy := b.x-a.x, b.y-a.y
	t := ((p.x-a.x)*dx + (p.y-a.y)*dy) / (dx*dx + dy*dy)
	t = max(0, min(1, t))
	return distance(p, point{a.x + t*dx, a.y + t*dy})
}

// rounded reports whether p is in a rectangle with round corners.
func rounded(p point, x, y, w, h, r float64) bool {
	dx := max(x+r-p.x, p.x-(x+w-r), 0)
	dy := max(y+r-p.y, p.y-(y+h-r), 0)
	return math.Hypot(dx, dy) < r
}

// render draws with 8 × 8 samples a pixel, in whole numbers where it is summed,
// so that every machine gets the same bytes.
func (ic icon) render(size int) *image.NRGBA {
	const grid = 8
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	scale := 32 / float64(size)
	for y := range size {
		for x := range size {
			var r, g, b, a uint32
			for i := range grid * grid {
				c := ic.at(point{(float64(x) + (float64(i%grid)+0.5)/grid) * scale, (float64(y) + (float64(i/grid)+0.5)/grid) * scale})
				if c.A > 0 {
					r, g, b, a = r+uint32(c.R), g+uint32(c.G), b+uint32(c.B), a+1
				}
			}
			if a > 0 {
				img.SetNRGBA(x, y, color.NRGBA{uint8(r / a), uint8(g / a), uint8(b / a), uint8(a * 255 / (grid * grid))})
			}
		}
	}
	return img
}
