package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/httpapi"
)

// AddText adds the servers that a text describes, see config.ParseSnippet, as Add
// does, and returns the names of those that were added. With an error, the first
// one, others may have been added all the same.
func (c *Core) AddText(ctx context.Context, text string) (names []string, err error) {
	found, err := config.ParseSnippet(text)
	if err != nil {
		return nil, explain(err)
	}
	for _, n := range found {
		if name, failed := c.addNew(ctx, n); failed == nil {
			names = append(names, name)
		} else if err == nil {
			err = failed
		}
	}
	return names, err
}

// mostNamesakes is how many names are tried for a server whose text has none.
const mostNamesakes = 99

// is reports whether the server of that name is what an entry describes.
func (c *Core) is(name string, entry json.RawMessage) bool {
	var e struct {
		URL, Command string
		Args         []string
	}
	s, ok := c.Config().Server(name)
	return ok && json.Unmarshal(entry, &e) == nil && s.URL == e.URL && s.Command == e.Command && slices.Equal(s.Args, e.Args)
}

// addNew adds a server. If nobody chose its name, and it is taken, it gets a number.
func (c *Core) addNew(ctx context.Context, n config.New) (name string, err error) {
	name = n.Name
	for i := 2; ; i++ {
		err = c.Add(ctx, name, n.Entry)
		if n.Named || !errors.Is(err, httpapi.ErrExists) || c.is(name, n.Entry) || i > mostNamesakes {
			return name, err
		}
		name = fmt.Sprintf("%s-%d", n.Name, i)
	}
}
