//go:build !windows && !darwin

package notify

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"
)

// A picture is the value of the hint "image-data": rows of RGBA, not
// premultiplied. [Desktop Notifications Specification 1.2, Icons and Images]
type picture struct {
	Width, Height, Stride int32
	Alpha                 bool
	Bits, Channels        int32 // bits per sample, samples per pixel
	Pixels                []byte
}

// readPicture decodes a PNG; ok is false if it is none.
func readPicture(data []byte) (p picture, ok bool) {
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return picture{}, false
	}
	b := img.Bounds()
	flat := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(flat, flat.Rect, img, b.Min, draw.Src)
	return picture{Width: int32(b.Dx()), Height: int32(b.Dy()), Stride: int32(flat.Stride), Alpha: true, Bits: 8, Channels: 4, Pixels: flat.Pix}, true
}
