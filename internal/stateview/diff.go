package stateview

// A Change is one server before and after, between two snapshots.
type Change struct {
	Name    string
	Before  ServerStatus // zero if Added
	After   ServerStatus // zero if Removed
	Added   bool
	Removed bool
}

// Diff returns what changed from old to new, in name order. A nil old is an empty snapshot.
func Diff(old, new *ServerStatusSnapshot) []Change {
	var out []Change
	var a []*ServerStatus
	if old != nil {
		a = old.servers
	}
	b := new.servers
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Name < b[0].Name:
			out = append(out, Change{Name: a[0].Name, Before: *a[0], Removed: true})
			a = a[1:]
		case len(a) == 0 || b[0].Name < a[0].Name:
			out = append(out, Change{Name: b[0].Name, After: *b[0], Added: true})
			b = b[1:]
		default:
			if a[0] != b[0] {
				out = append(out, Change{Name: b[0].Name, Before: *a[0], After: *b[0]})
			}
			a, b = a[1:], b[1:]
		}
	}
	return out
}
