package store

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
)

// The layout of a bbolt file, from internal/common/{meta,page,bucket}.go of
// bbolt v1.5. All numbers are in the byte order of the machine that wrote them.
//
//	type Meta struct { magic, version, pageSize, flags uint32; root InBucket; freelist, pgid Pgid; txid Txid; checksum uint64 }
//	type Page struct { id Pgid; flags, count uint16; overflow uint32 }
//	type branchPageElement struct { pos, ksize uint32; pgid Pgid }
//	type leafPageElement struct { flags, pos, ksize, vsize uint32 }
//	type InBucket struct { root Pgid; sequence uint64 }
const (
	magic       = 0xED0CDAED
	version     = 2
	metaSize    = 64
	headerSize  = 16 // Page
	elementSize = 16 // of a branch or leaf
	bucketSize  = 16 // InBucket

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	flagBucket   = 0x01 // of a leaf's element

	minPageSize, maxPageSize = 1 << 10, 1 << 24 // where bbolt looks for the second meta page

	maxDepth = 100 // pages from the root to a leaf; 10 hold more than any disk
)

var order = binary.NativeEndian

// A meta is what we need of a meta page. All pages' ids are below pages.
type meta struct{ pageSize, root, freelist, pages, txid uint64 }

// A verifier reads every page that is in use once. bbolt does not check what it
// reads: a branch above itself lets it append to a slice for ever, and a wrong
// offset makes it read outside of the mapping.
type verifier struct {
	file *os.File
	meta
	seen []bool // by page id: in use or free
}

// verify returns errDamaged, wrapped, unless bbolt can be trusted with the file.
// The caller holds the file's lock. Memory is bounded by the file's size.
func verify(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	m, err := newestMeta(f)
	if err != nil {
		return err
	}
	if m.pages < 4 || m.pages > uint64(info.Size())/m.pageSize {
		return broken("%d pages do not fit into %d bytes", m.pages, info.Size())
	}
	v := &verifier{file: f, meta: m, seen: make([]bool, m.pages)}
	v.seen[0], v.seen[1] = true, true // the meta pages
	if err := v.free(); err != nil {
		return err
	}
	if err := v.tree(m.root, nil, nil, 0); err != nil {
		return err
	}
	for id, seen := range v.seen {
		if !seen {
			return broken("page %d is neither in use nor free", id)
		}
	}
	return nil
}

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// newestMeta chooses as DB.meta does: "We have to return the meta with the
// highest txid which doesn't fail validation."
func newestMeta(f *os.File) (meta, error) {
	// DB.getPageSize: "It tries to read the first meta page firstly." Then, for
	// the second one: "The solution is to try all the possible page sizes".
	first, ok := readMeta(f, 0)
	size := first.pageSize
	for at := uint64(minPageSize); !ok && at <= maxPageSize; at *= 2 {
		var m meta
		m, ok = readMeta(f, at)
		size = m.pageSize
	}
	if !ok || size < minPageSize || size > maxPageSize || size&(size-1) != 0 {
		return meta{}, broken("no valid meta page")
	}
	newest, found := readMeta(f, 0)
	if m, ok := readMeta(f, size); ok && (!found || m.txid > newest.txid) {
		newest, found = m, true
	}
	if !found || newest.pageSize != size {
		return meta{}, broken("meta pages disagree")
	}
	return newest, nil
}

// readMeta reads the meta page at an offset and reports whether it passes Meta.Validate.
func readMeta(f *os.File, at uint64) (meta, bool) {
	b := make([]byte, metaSize)
	if _, err := f.ReadAt(b, int64(at)+headerSize); err != nil {
		return meta{}, false
	}
	sum := fnv.New64a()
	sum.Write(b[:metaSize-8])
	valid := order.Uint32(b) == magic && order.Uint32(b[4:]) == version && order.Uint64(b[56:]) == sum.Sum64()
	return meta{
		pageSize: uint64(order.Uint32(b[8:])),
		root:     order.Uint64(b[16:]), freelist: order.Uint64(b[32:]), pages: order.Uint64(b[40:]),
		txid: order.Uint64(b[48:]),
	}, valid
}

// page reads a page, with its overflow, that nothing else may refer to.
func (v *verifier) page(id uint64) ([]byte, error) {
	if id >= v.pages {
		return nil, broken("page %d of %d", id, v.pages)
	}
	b := make([]byte, v.pageSize)
	if _, err := v.file.ReadAt(b, int64(id*v.pageSize)); err != nil {
		return nil, err
	}
	n := uint64(order.Uint32(b[12:])) + 1
	if order.Uint64(b) != id || n > v.pages-id {
		return nil, broken("page %d has a wrong header", id)
	}
	for i := id; i < id+n; i++ {
		if v.seen[i] {
			return nil, broken("page %d is used twice", i)
		}
		v.seen[i] = true
	}
	if n > 1 {
		b = make([]byte, n*v.pageSize)
		_, err := v.file.ReadAt(b, int64(id*v.pageSize))
		return b, err
	}
	return b, nil
}

// free checks the list of free pages: bbolt writes over what is in it.
func (v *verifier) free() error {
	b, err := v.page(v.freelist)
	if err != nil {
		return err
	}
	// "If the page.count is at the max uint16 value (64k) then it's considered an
	// overflow and the size of the freelist is stored as the first element."
	ids, n := b[headerSize:], uint64(order.Uint16(b[10:]))
	if n == 0xFFFF {
		n, ids = order.Uint64(ids), ids[8:]
	}
	if order.Uint16(b[8:]) != flagFreelist || n > uint64(len(ids))/8 {
		return broken("page %d is not the list of free pages", v.freelist)
	}
	for i := range n {
		id := order.Uint64(ids[i*8:])
		if id >= v.pages || v.seen[id] {
			return broken("page %d cannot be free", id)
		}
		v.seen[id] = true
	}
	return nil
}
