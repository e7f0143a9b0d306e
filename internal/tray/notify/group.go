package notify

import (
	"slices"
	"time"
)

// A group is servers with the same news, told together when due.
type group struct {
	due   time.Time // zero when names is empty
	names []string
}

func (g *group) add(name string, due time.Time) {
	if len(g.names) == 0 {
		g.due = due
	}
	if !slices.Contains(g.names, name) {
		g.names = append(g.names, name)
	}
	if due.Before(g.due) {
		g.due = due
	}
}

func (g *group) remove(name string) {
	if remove(&g.names, name) && len(g.names) == 0 {
		g.due = time.Time{}
	}
}

// remove takes name out of names and reports whether it was there.
func remove(names *[]string, name string) bool {
	i := slices.Index(*names, name)
	if i < 0 {
		return false
	}
	*names = slices.Delete(*names, i, i+1)
	return true
}
