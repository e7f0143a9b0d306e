package main

import (
	"encoding/binary"
	"image"
)

// ico returns an ICO file of pictures as 32-bit bitmaps, which every Windows
// reads (PNG inside an ICO is for 256 pixels only). Layout: ICONDIR,
// ICONDIRENTRY each, then per picture BITMAPINFOHEADER, colours from the bottom
// row up, and a mask of one bit a pixel that alpha makes meaningless.
func ico(pictures []*image.NRGBA) []byte {
	le := binary.LittleEndian
	out := le.AppendUint16(le.AppendUint16(nil, 0), 1)
	out = le.AppendUint16(out, uint16(len(pictures)))
	var data []byte
	for _, p := range pictures {
		b := bitmap(p)
		size := p.Bounds().Dx()
		out = append(out, byte(size), byte(size), 0, 0)
		out = le.AppendUint16(le.AppendUint16(out, 1), 32)
		out = le.AppendUint32(out, uint32(len(b)))
		out = le.AppendUint32(out, uint32(6+16*len(pictures)+len(data)))
		data = append(data, b...)
	}
	return append(out, data...)
}

func bitmap(p *image.NRGBA) []byte {
	le := binary.LittleEndian
	size := p.Bounds().Dx()
	maskRow := (size + 31) / 32 * 4
	out := le.AppendUint32(nil, 40)
	out = le.AppendUint32(out, uint32(size))
	out = le.AppendUint32(out, uint32(2*size)) // colours and mask
	out = le.AppendUint16(le.AppendUint16(out, 1), 32)
	out = le.AppendUint32(out, 0) // not compressed
	out = le.AppendUint32(out, uint32(size*size*4+maskRow*size))
	out = append(out, make([]byte, 16)...)
	for y := size - 1; y >= 0; y-- {
		for x := range size {
			c := p.NRGBAAt(x, y)
			out = append(out, c.B, c.G, c.R, c.A)
		}
	}
	return append(out, make([]byte, maskRow*size)...)
}
