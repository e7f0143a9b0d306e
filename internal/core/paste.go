package core

import (
	"context"

	"mcpproxy-tray/internal/core/config"
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
		if failed := c.Add(ctx, n.Name, n.Entry); failed == nil {
			names = append(names, n.Name)
		} else if err == nil {
			err = failed
		}
	}
	return names, err
}
