package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// The layout of a bbolt file, version 2, as its internal/common/{page,meta,inode}.go
// define it. All numbers are in the byte order of the machine that wrote it.
const (
	headerSize  = 16 // of a page: id, flags, count, overflow
	elementSize = 16 // of a branch's or leaf's entry
	bucketSize  = 16 // of a bucket in a leaf: root page, sequence
	metaSize    = 64 // without the page's header

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	flagBucket   = 0x01 // of a leaf's entry

	magic       = 0xED0CDAED
	noFreelist  = ^uint64(0)
	manyFree    = 0xFFFF // the count does not fit: it stands before the ids
	maxPageSize = 1 << 24
)

var order = binary.NativeEndian

// A verifier visits every page of a database once, without mapping it. bbolt
// trusts what it reads: a wrong offset makes it panic, or read outside of the
// mapping, and a page that refers back to itself lets it eat all memory.
type verifier struct {
	file     io.ReaderAt
	pageSize uint64
	pages    uint64          // all ids are below
	seen     map[uint64]bool // pages in use or free
}

// verify returns errDamaged, wrapped, unless the file can be trusted. The
// caller holds the file's lock.
func verify(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	root, free, v, err := readMeta(f)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// Pages that were never written may lie beyond the end, but none that is in use.
	if v.pages > uint64(info.Size())/v.pageSize {
		return fmt.Errorf("%w: %d pages do not fit into %d bytes", errDamaged, v.pages, info.Size())
	}
	if free != noFreelist {
		if err := v.freelist(free); err != nil {
			return err
		}
	}
	return v.tree(root)
}

// readMeta finds the newer of the two valid meta pages, which describes the file.
func readMeta(f io.ReaderAt) (root, free uint64, v *verifier, err error) {
	newest, found := uint64(0), false
	for _, at := range metaOffsets(f) {
		m := make([]byte, metaSize)
		if _, err := f.ReadAt(m, int64(at)+headerSize); err != nil || !validMeta(m) {
			continue
		}
		if id := order.Uint64(m[48:]); !found || id > newest {
			newest, found = id, true
			v = &verifier{file: f, pageSize: uint64(order.Uint32(m[8:])), pages: order.Uint64(m[40:]), seen: map[uint64]bool{0: true, 1: true}}
			root, free = order.Uint64(m[16:]), order.Uint64(m[32:])
		}
	}
	if !found {
		return 0, 0, nil, fmt.Errorf("%w: no valid meta page", errDamaged)
	}
	return root, free, v, nil
}

// metaOffsets returns where meta pages may be: at the start, and one page later.
func metaOffsets(f io.ReaderAt) []uint64 {
	at := []uint64{0}
	m := make([]byte, metaSize)
	if _, err := f.ReadAt(m, headerSize); err == nil && validMeta(m) {
		return append(at, uint64(order.Uint32(m[8:])))
	}
	for size := uint64(1024); size <= maxPageSize; size *= 2 {
		at = append(at, size)
	}
	return at
}

func validMeta(m []byte) bool {
	sum := fnv.New64a()
	sum.Write(m[:metaSize-8])
	size := order.Uint32(m[8:])
	return order.Uint32(m) == magic && order.Uint32(m[4:]) == 2 && order.Uint64(m[metaSize-8:]) == sum.Sum64() &&
		size >= 1024 && size <= maxPageSize
}

// page reads a page that nothing else may refer to.
func (v *verifier) page(id uint64) ([]byte, error) {
	head := make([]byte, headerSize)
	if id >= v.pages {
		return nil, fmt.Errorf("%w: page %d of %d", errDamaged, id, v.pages)
	}
	if _, err := v.file.ReadAt(head, int64(id*v.pageSize)); err != nil {
		return nil, err
	}
	n := uint64(order.Uint32(head[12:])) + 1
	if order.Uint64(head) != id || n > v.pages-id {
		return nil, fmt.Errorf("%w: page %d has a wrong header", errDamaged, id)
	}
	for i := range n {
		if v.seen[id+i] {
			return nil, fmt.Errorf("%w: page %d is used twice", errDamaged, id+i)
		}
		v.seen[id+i] = true
	}
	b := make([]byte, n*v.pageSize)
	if _, err := v.file.ReadAt(b, int64(id*v.pageSize)); err != nil {
		return nil, err
	}
	return b, nil
}

// freelist checks the list of free pages: a page in use must not be in it, or it
// would be written over.
func (v *verifier) freelist(id uint64) error {
	b, err := v.page(id)
	if err != nil {
		return err
	}
	ids, n := b[headerSize:], uint64(order.Uint16(b[10:]))
	if n == manyFree {
		n, ids = order.Uint64(ids), ids[8:]
	}
	if order.Uint16(b[8:]) != flagFreelist || n > uint64(len(ids))/8 {
		return fmt.Errorf("%w: page %d is not the list of free pages", errDamaged, id)
	}
	for i := range n {
		free := order.Uint64(ids[i*8:])
		if free >= v.pages || v.seen[free] {
			return fmt.Errorf("%w: page %d cannot be free", errDamaged, free)
		}
		v.seen[free] = true
	}
	return nil
}

// tree checks the pages below and including id, and those of the buckets in them.
func (v *verifier) tree(id uint64) error {
	b, err := v.page(id)
	if err != nil {
		return err
	}
	if order.Uint16(b[8:]) == flagBranch {
		return v.branch(id, b)
	}
	return v.leaf(id, b, false)
}

func (v *verifier) branch(id uint64, b []byte) error {
	n := int(order.Uint16(b[10:]))
	if n == 0 {
		return fmt.Errorf("%w: page %d is empty", errDamaged, id)
	}
	return elements(id, b, func(e []byte, at uint64) ([]byte, error) {
		key, err := part(id, b, at+uint64(order.Uint32(e)), uint64(order.Uint32(e[4:])))
		if err != nil {
			return nil, err
		}
		return key, v.tree(order.Uint64(e[8:]))
	})
}

func (v *verifier) leaf(id uint64, b []byte, inline bool) error {
	if order.Uint16(b[8:]) != flagLeaf {
		return fmt.Errorf("%w: page %d is of an unknown kind", errDamaged, id)
	}
	return elements(id, b, func(e []byte, at uint64) ([]byte, error) {
		pos, size := at+uint64(order.Uint32(e[4:])), uint64(order.Uint32(e[8:]))
		key, err := part(id, b, pos, size)
		if err != nil {
			return nil, err
		}
		value, err := part(id, b, pos+size, uint64(order.Uint32(e[12:])))
		if err != nil {
			return nil, err
		}
		switch flags := order.Uint32(e); {
		case flags == 0:
			return key, nil
		case flags != flagBucket || inline || len(value) < bucketSize:
			return nil, fmt.Errorf("%w: page %d has a wrong entry", errDamaged, id)
		}
		if root := order.Uint64(value); root != 0 {
			return key, v.tree(root)
		}
		if len(value) < bucketSize+headerSize { // the bucket is small and stands here itself
			return nil, fmt.Errorf("%w: page %d has a wrong entry", errDamaged, id)
		}
		return key, v.leaf(id, value[bucketSize:], true)
	})
}

// elements calls check for each entry of a page, with its offset; the keys it
// returns must be in order.
func elements(id uint64, b []byte, check func(e []byte, at uint64) (key []byte, err error)) error {
	n := int(order.Uint16(b[10:]))
	if headerSize+n*elementSize > len(b) {
		return fmt.Errorf("%w: page %d holds less than it says", errDamaged, id)
	}
	var last []byte
	for i := range n {
		at := headerSize + i*elementSize
		key, err := check(b[at:at+elementSize], uint64(at))
		if err != nil {
			return err
		}
		if i > 0 && bytes.Compare(last, key) >= 0 {
			return fmt.Errorf("%w: page %d is out of order", errDamaged, id)
		}
		last = key
	}
	return nil
}

// part returns n bytes of a page.
func part(id uint64, b []byte, from, n uint64) ([]byte, error) {
	if from > uint64(len(b)) || n > uint64(len(b))-from {
		return nil, fmt.Errorf("%w: page %d ends too early", errDamaged, id)
	}
	return b[from : from+n], nil
}
