package stateview

import "math/bits"

// A nameIndex tells the slot of each name: a hash table with open addressing.
// It never changes, and two snapshots have the same one only if they have the
// same names in the same slots. It takes less time than a Go map, which pays
// for the 128 bytes that GetServer copies; the names themselves are in the statuses.
type nameIndex struct {
	cells []cell // a power of two, at least twice the number of names
}

// A cell is free if its slot is 0.
type cell struct {
	tag  uint32 // more of the name's hash
	slot uint32 // counted from 1
}

// newNameIndex returns the index of servers that stand in slots 0, 1, 2 ….
func newNameIndex(servers []*ServerStatus) *nameIndex {
	x := &nameIndex{make([]cell, 2<<bits.Len(uint(len(servers))))}
	mask := uint64(len(x.cells) - 1)
	for i, st := range servers {
		h := hash(st.Name)
		at := h & mask
		for x.cells[at].slot != 0 {
			at = (at + 1) & mask
		}
		x.cells[at] = cell{uint32(h >> 32), uint32(i + 1)}
	}
	return x
}

// noSlot is the slot of a name that is not there.
const noSlot = ^uint(0)

// absent is the status of a name that is not there. Nobody writes to it.
var absent ServerStatus

// find returns the server of that name and its slot, or &absent and noSlot.
func (s *ServerStatusSnapshot) find(name string) (*ServerStatus, uint) {
	if s.names == nil {
		return &absent, noSlot
	}
	cells := s.names.cells
	h := hash(name)
	for i := h; ; i++ {
		c := cells[i&uint64(len(cells)-1)]
		if c.slot == 0 {
			return &absent, noSlot
		}
		if c.tag != uint32(h>>32) {
			continue
		}
		slot := uint(c.slot - 1)
		if st := s.at(slot); st.Name == name {
			return st, slot
		}
	}
}

// hash mixes all of name, sixteen bytes at a time [wyhash]. It has no seed: names
// come from the user's own configuration, and names that collide are only slower.
func hash(name string) uint64 {
	h := uint64(len(name))<<32 ^ 0x9E3779B97F4A7C15
	for len(name) > 16 {
		h = mix(h^load64(name), load64(name[8:]))
		name = name[16:]
	}
	switch n := len(name); {
	case n >= 8: // the two loads may overlap
		return mix(h^load64(name), load64(name[n-8:]))
	case n >= 4: // here, too
		return mix(h^load32(name), load32(name[n-4:]))
	case n > 0: // the three bytes may be the same
		h ^= uint64(name[0]) | uint64(name[n/2])<<8 | uint64(name[n-1])<<16
	}
	return mix(h, 0)
}

func mix(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y^0xE7037ED1A0B428DB)
	return hi ^ lo
}

// load64 returns the first eight bytes of s as a number; the compiler makes one load of it.
func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// load32 is load64 for four bytes.
func load32(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}
