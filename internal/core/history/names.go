package history

import (
	"encoding/binary"
	"strings"
	"sync"

	"go.etcd.io/bbolt"
)

const (
	maxNames     = 4_096 // words that records refer to; others stand in the record
	maxNameBytes = 256   // of a word: a server's name has at most 64 characters, of up to 4 bytes
)

// names are the words that many records have, such as those of tools, so that a
// record has a number in place of each. The zero value has none.
type names struct {
	mu  sync.RWMutex // guards the fields below
	all []string     // by id
	ids map[string]uint64
}

func (n *names) load(b *bbolt.Bucket) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all, n.ids = nil, map[string]uint64{}
	return b.ForEach(func(k, v []byte) error {
		if len(k) != 8 || binary.BigEndian.Uint64(k) != uint64(len(n.all)) {
			return damaged("word %d has the number %x", len(n.all), k)
		}
		n.ids[string(v)] = uint64(len(n.all))
		n.all = append(n.all, string(v))
		return nil
	})
}

// id returns the number of a word, which it gets if there is room.
func (n *names) id(b *bbolt.Bucket, word string) (id uint64, ok bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if id, ok := n.ids[word]; ok {
		return id, true, nil
	}
	if len(n.all) >= maxNames {
		return 0, false, nil
	}
	id = uint64(len(n.all))
	if err := b.Put(number(id), []byte(word)); err != nil {
		return 0, false, err
	}
	n.ids[word], n.all = id, append(n.all, word)
	return id, true, nil
}

// count returns how many words there are, and cut forgets those after the first so many:
// what wrote them to disk has failed.
func (n *names) count() int {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.all)
}

func (n *names) cut(count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, word := range n.all[count:] {
		delete(n.ids, word)
	}
	n.all = append([]string(nil), n.all[:count]...)
}

// list returns the words by id. Nobody changes them.
func (n *names) list() []string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.all
}

// shorten bounds what others say.
func shorten(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + cutMark
	}
	return s
}
