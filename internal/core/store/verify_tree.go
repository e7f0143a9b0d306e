package store

import "bytes"

// tree checks the page id and all below, with the buckets in them. Its keys must
// be low or above, and below high; nil is no limit.
func (v *verifier) tree(id uint64, low, high []byte, depth int) error {
	b, err := v.page(id)
	if err != nil {
		return err
	}
	list, err := entries(id, b, low, high)
	if err != nil {
		return err
	}
	if depth == maxDepth || order.Uint16(b[8:]) == flagBranch && len(list) == 0 {
		return broken("page %d is too deep or empty", id)
	}
	for i, e := range list {
		switch {
		case order.Uint16(b[8:]) == flagBranch:
			next := high
			if i+1 < len(list) {
				next = list[i+1].key
			}
			err = v.tree(e.child, e.key, next, depth+1)
		case e.flags == flagBucket:
			err = v.bucket(id, e.value, depth+1)
		case e.flags != 0:
			err = broken("page %d has an entry of an unknown kind", id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bucket checks a bucket. "If the bucket is small enough, then its root page can
// be stored inline in the "value", after the bucket header. In the case of
// inline buckets, the "root" will be 0." (internal/common/bucket.go)
func (v *verifier) bucket(id uint64, value []byte, depth int) error {
	if len(value) == bucketSize {
		return v.tree(order.Uint64(value), nil, nil, depth)
	}
	if len(value) < bucketSize+headerSize || order.Uint64(value) != 0 {
		return broken("page %d has a wrong bucket", id)
	}
	b := value[bucketSize:]
	list, err := entries(id, b, nil, nil)
	if err != nil {
		return err
	}
	if order.Uint64(b) != 0 || order.Uint16(b[8:]) != flagLeaf || order.Uint32(b[12:]) != 0 {
		return broken("page %d has a wrong bucket", id)
	}
	for _, e := range list {
		if e.flags != 0 { // Bucket.inlineable: "Bucket is not inlineable if it contains subbuckets"
			return broken("page %d has a wrong bucket", id)
		}
	}
	return nil
}

// An entry is an element of a branch, which has a child, or of a leaf.
type entry struct {
	flags      uint32
	child      uint64
	key, value []byte
}

// entries decodes a branch or leaf. Keys and values stand one after the other
// behind the elements, and nothing but zeros follows: that is how
// WriteInodeToPage leaves a page, and it tells when a count is wrong.
func entries(id uint64, b, low, high []byte) ([]entry, error) {
	kind, n := order.Uint16(b[8:]), uint64(order.Uint16(b[10:]))
	next := headerSize + n*elementSize
	if kind != flagBranch && kind != flagLeaf || next > uint64(len(b)) {
		return nil, broken("page %d is neither branch nor leaf", id)
	}
	list := make([]entry, n)
	for i := range list {
		e, at := &list[i], uint64(headerSize+i*elementSize)
		w := func(i uint64) uint32 { return order.Uint32(b[at+4*i:]) }
		pos, ksize, vsize := w(0), w(1), uint32(0)
		if kind == flagLeaf {
			e.flags, pos, ksize, vsize = w(0), w(1), w(2), w(3)
		} else {
			e.child = order.Uint64(b[at+8:])
		}
		end := next + uint64(ksize) + uint64(vsize)
		if at+uint64(pos) != next || ksize == 0 || end > uint64(len(b)) {
			return nil, broken("page %d has a wrong entry", id)
		}
		e.key, e.value = b[next:next+uint64(ksize)], b[next+uint64(ksize):end]
		c := bytes.Compare(low, e.key)
		if c > 0 || c == 0 && i > 0 || high != nil && bytes.Compare(e.key, high) >= 0 {
			return nil, broken("page %d is out of order", id)
		}
		low, next = e.key, end
	}
	if len(bytes.TrimLeft(b[next:], "\x00")) > 0 {
		return nil, broken("page %d holds more than it says", id)
	}
	return list, nil
}
