package main

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// A machine is what an object is for: the numbers of the PE format (Microsoft, "PE
// Format": Machine Types; Type Indicators).
type machine struct {
	id    uint16
	reloc uint16 // "the 32-bit address without an image base (RVA)"
}

// machines by the name of their file, which tells the go command when to link it.
var machines = map[string]machine{
	"resources_windows_amd64.syso": {0x8664, 3},
	"resources_windows_arm64.syso": {0xaa64, 2},
}

// The types of resources that are used here.
const (
	typeIcon      = 3
	typeIconGroup = 14
	typeVersion   = 16
	typeManifest  = 24
)

// english is the language of all resources; others are not asked for.
const english = 0x409

// A resource is one leaf of the tree: type, number, language, data.
type resource struct {
	kind, id uint32
	data     []byte
}

const (
	headerSize  = 20
	sectionSize = 40
	dirSize     = 16
	entrySize   = 8
	leafSize    = 16
	isDir       = 1 << 31
)

var le = binary.LittleEndian

// object returns a COFF object with a section .rsrc. Each leaf holds the address of its
// data, which the linker fills in.
func object(m machine, all []resource) []byte {
	section, leaves := tree(all)
	relocs := headerSize + sectionSize + len(section)
	symbols := relocs + 10*len(leaves)

	out := le.AppendUint16(nil, m.id)
	out = le.AppendUint16(out, 1) // sections
	out = le.AppendUint32(out, 0) // time: the same input makes the same object
	out = le.AppendUint32(out, uint32(symbols))
	out = le.AppendUint32(out, 1) // symbols
	out = le.AppendUint32(out, 0) // no optional header, no characteristics

	out = append(out, ".rsrc\x00\x00\x00"...)
	out = append(out, make([]byte, 8)...) // size and address in memory
	out = le.AppendUint32(out, uint32(len(section)))
	out = le.AppendUint32(out, headerSize+sectionSize)
	out = le.AppendUint32(out, uint32(relocs))
	out = le.AppendUint32(out, 0) // line numbers
	out = le.AppendUint16(out, uint16(len(leaves)))
	out = le.AppendUint16(out, 0)
	out = le.AppendUint32(out, 0x40000040) // initialised data, readable

	out = append(out, section...)
	for _, at := range leaves {
		out = le.AppendUint32(out, at)
		out = le.AppendUint32(out, 0) // the only symbol
		out = le.AppendUint16(out, m.reloc)
	}
	out = append(out, ".rsrc\x00\x00\x00"...)
	out = le.AppendUint32(out, 0) // value: the section's begin
	out = le.AppendUint16(out, 1) // section
	out = le.AppendUint16(out, 0)
	out = append(out, 3, 0)        // static, nothing more about it
	return le.AppendUint32(out, 4) // no strings but their table's size
}

// tree returns the section's content and where in it the leaves are.
func tree(all []resource) (section []byte, leaves []uint32) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b resource) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id)) })
	var kinds [][]resource
	for i, r := range all {
		if i == 0 || r.kind != all[i-1].kind {
			kinds = append(kinds, nil)
		}
		kinds[len(kinds)-1] = append(kinds[len(kinds)-1], r)
	}
	// Level after level: types, numbers, languages, leaves, data.
	ids := dirSize + entrySize*len(kinds)
	languages := ids + dirSize*len(kinds) + entrySize*len(all)
	leaf := languages + (dirSize+entrySize)*len(all)
	data := leaf + leafSize*len(all)

	section = directory(nil, len(kinds))
	next := ids
	for _, k := range kinds {
		section = le.AppendUint32(le.AppendUint32(section, k[0].kind), uint32(next)|isDir)
		next += dirSize + entrySize*len(k)
	}
	next = languages
	for _, k := range kinds {
		section = directory(section, len(k))
		for _, r := range k {
			section = le.AppendUint32(le.AppendUint32(section, r.id), uint32(next)|isDir)
			next += dirSize + entrySize
		}
	}
	for i := range all {
		section = directory(section, 1)
		section = le.AppendUint32(le.AppendUint32(section, english), uint32(leaf+leafSize*i))
	}
	at := data
	for i, r := range all {
		leaves = append(leaves, uint32(leaf+leafSize*i))
		section = le.AppendUint32(le.AppendUint32(section, uint32(at)), uint32(len(r.data)))
		section = append(section, make([]byte, 8)...)
		at += padded(len(r.data))
	}
	for _, r := range all {
		section = append(section, r.data...)
		section = append(section, make([]byte, padded(len(r.data))-len(r.data))...)
	}
	return section, leaves
}

// directory appends the head of a directory with n numbered entries.
func directory(b []byte, n int) []byte {
	b = append(b, make([]byte, dirSize-2)...)
	return le.AppendUint16(b, uint16(n))
}

func padded(n int) int { return (n + 7) &^ 7 }
