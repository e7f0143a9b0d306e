//go:build unix && !darwin

package sni

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"
)

// A pixmap is a picture as rows of ARGB, not premultiplied. [StatusNotifierItem, Icons]
type pixmap struct {
	Width, Height int32
	ARGB          []byte
}

// pixmaps decodes a PNG; a picture that is none is left out.
func pixmaps(data []byte) []pixmap {
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return []pixmap{}
	}
	b := img.Bounds()
	flat := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(flat, flat.Rect, img, b.Min, draw.Src)
	argb := make([]byte, len(flat.Pix))
	for i := 0; i < len(argb); i += 4 {
		argb[i], argb[i+1], argb[i+2], argb[i+3] = flat.Pix[i+3], flat.Pix[i], flat.Pix[i+1], flat.Pix[i+2]
	}
	return []pixmap{{int32(b.Dx()), int32(b.Dy()), argb}}
}
