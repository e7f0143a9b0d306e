package stateview

// A Change is one server before and after, between two snapshots.
type Change struct {
	Name    string
	Before  ServerStatus // zero if Added
	After   ServerStatus // zero if Removed
	Added   bool
	Removed bool
}

// Diff returns what changed from old to new, in name order. A nil old is an empty
// snapshot. A server that changed and changed back meanwhile is reported, and
// tells by its Version; one that was removed and added again is a change, too.
// What neither snapshot changed costs nothing, 64 servers at a time.
func Diff(old, new *ServerStatusSnapshot) []Change {
	var out []Change
	var a []*chunk
	if old != nil {
		a = old.chunks
	}
	from, to := cursor{chunks: a}, cursor{chunks: new.chunks}
	for {
		skipShared(&from, &to)
		a, b := from.server(), to.server()
		switch {
		case a == nil && b == nil:
			return out
		case b == nil || a != nil && a.Name < b.Name:
			out = append(out, Change{Name: a.Name, Before: *a, Removed: true})
			from.next()
		case a == nil || b.Name < a.Name:
			out = append(out, Change{Name: b.Name, After: *b, Added: true})
			to.next()
		default:
			if a != b {
				out = append(out, Change{Name: b.Name, Before: *a, After: *b})
			}
			from.next()
			to.next()
		}
	}
}

// A cursor walks the servers of a snapshot.
type cursor struct {
	chunks []*chunk // the one being walked, and those after it
	i      int      // in chunks[0]
}

// server returns the server at the cursor, or nil at the end.
func (c *cursor) server() *ServerStatus {
	if len(c.chunks) == 0 {
		return nil
	}
	return c.chunks[0][c.i]
}

func (c *cursor) next() {
	if c.i++; c.i == chunkSize {
		c.chunks, c.i = c.chunks[1:], 0
	}
}

// skipShared moves two cursors past the chunks that both have at the same place.
func skipShared(a, b *cursor) {
	for a.i == 0 && b.i == 0 && len(a.chunks) > 0 && len(b.chunks) > 0 && a.chunks[0] == b.chunks[0] {
		a.chunks, b.chunks = a.chunks[1:], b.chunks[1:]
	}
}
