package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mcpproxy-tray/internal/core/clients"
	"mcpproxy-tray/internal/core/config"
)

func newImport(o *options) *cobra.Command {
	var k permit
	var all, undo bool
	c := &cobra.Command{
		Use:   "import CLIENT",
		Short: "Take over the servers that an AI client starts itself",
		Long: `Take the servers of an AI client over into the configuration. It shows what
would be written and asks first. Each waits for your approval, like any new one;
those that the client has switched off stay off. What is here already is not taken
twice. The client's own file stays as it is.`,
		Args:              func(c *cobra.Command, args []string) error { return importArgs(c, args, all, undo) },
		ValidArgsFunction: completeClients,
		RunE: func(c *cobra.Command, args []string) error {
			u, err := o.user()
			if err != nil {
				return err
			}
			var from []clients.Client
			if all {
				for _, s := range u.Statuses() {
					if _, err := os.Stat(s.Path); err == nil {
						from = append(from, s.Client)
					}
				}
			} else {
				client, err := clientNamed(args[0])
				if err != nil {
					return err
				}
				from = append(from, client)
			}
			if undo {
				return o.undoImport(c, u, from[0], k)
			}
			return o.importServers(c, u, from, k)
		},
	}
	k.flags(c)
	c.Flags().BoolVar(&all, "all", false, "take over the servers of all clients that are installed")
	c.Flags().BoolVar(&undo, "undo", false, "remove the servers that came from this client, unless they were changed")
	return c
}

func importArgs(c *cobra.Command, args []string, all, undo bool) error {
	switch {
	case all && undo:
		return &failure{exitUsage, "--all and --undo exclude each other", "Name the client whose servers are to go."}
	case all && len(args) > 0:
		return &failure{exitUsage, "--all takes no client", ""}
	case !all:
		return oneClient(c, args)
	}
	return nil
}

// ours returns the configuration's file and what it has; an empty one before the first start.
func (o *options) ours() (path string, content []byte, err error) {
	if path, err = o.wantedPath(); err != nil {
		return "", nil, err
	}
	content, err = os.ReadFile(path)
	if o.config == "" && errors.Is(err, fs.ErrNotExist) {
		return path, []byte(emptyConfig), nil
	}
	if err != nil {
		return "", nil, &failure{exitFailed, "the configuration " + path + " cannot be read", "Check that it is there and that you may read it."}
	}
	return path, content, nil
}

func (o *options) importServers(c *cobra.Command, u clients.User, from []clients.Client, k permit) error {
	path, content, err := o.ours()
	if err != nil {
		return err
	}
	in, err := u.Import(from, path, content)
	if err != nil {
		return clientFailure(err)
	}
	for _, left := range in.Left {
		say(c, "%s: %s is not taken: %s", left.Client.Name, oneLine(left.Theirs), oneLine(left.Why))
	}
	if len(in.Taken) == 0 {
		say(c, "there is nothing to take over")
		return nil
	}
	fmt.Fprint(c.OutOrStdout(), clients.Diff(path, content, in.After))
	for _, taken := range in.Taken {
		if taken.Name != taken.Theirs {
			say(c, "%s: %s becomes %s", taken.Client.Name, oneLine(taken.Theirs), taken.Name)
		}
	}
	if yes, err := k.ask(c, "Write this?"); !yes {
		return err
	}
	for i, taken := range in.Taken {
		if err := o.addEntry(c, taken); err != nil {
			return errors.Join(err, u.Remember(in.Taken[:i]))
		}
	}
	if err := u.Remember(in.Taken); err != nil {
		return clientFailure(err)
	}
	for _, taken := range in.Taken {
		say(c, "%s: taken over; it starts once it is approved: mcpproxy-tray servers approve %s", taken.Name, config.ShellQuote(taken.Name))
	}
	say(c, "The client still starts its own, until you take them out of it.")
	return nil
}

// addEntry adds a server as "servers add" does.
func (o *options) addEntry(c *cobra.Command, taken clients.Taken) error {
	name, err := json.Marshal(taken.Name)
	if err != nil {
		return fmt.Errorf("encode name: %w", err)
	}
	body := fmt.Appendf(nil, `{"name":%s,`, name)
	return o.online(func(a *api) error {
		_, err := a.do(c.Context(), http.MethodPost, "/api/v1/servers", json.RawMessage(append(body, taken.Entry[1:]...)))
		return err
	}, func(f *config.File) error {
		if err := o.create(f); err != nil {
			return configFailure(err)
		}
		return configEdit(f.Add(taken.Name, taken.Entry))
	})
}

// undoImport removes the servers that came from a client.
func (o *options) undoImport(c *cobra.Command, u clients.User, client clients.Client, k permit) error {
	path, before, err := o.ours()
	if err != nil {
		return err
	}
	cfg, err := config.Parse(before)
	if err != nil {
		return configFailure(err)
	}
	same, changed := u.Imported(client, cfg)
	for _, name := range changed {
		say(c, "%s: was changed since, and stays", name)
	}
	if len(same) == 0 {
		say(c, "no server here came from %s and is as it came", client.Name)
		return nil
	}
	after := before
	for _, name := range same {
		if after, err = config.Removed(path, after, name); err != nil {
			return configFailure(err)
		}
	}
	fmt.Fprint(c.OutOrStdout(), clients.Diff(path, before, after))
	if yes, err := k.ask(c, "Write this?"); !yes {
		return err
	}
	for _, name := range same {
		err := o.online(func(a *api) error {
			_, err := a.do(c.Context(), http.MethodDelete, serverPath(name, ""), nil)
			return err
		}, func(f *config.File) error { return configEdit(f.Remove(name)) })
		if err != nil {
			return err
		}
	}
	if err := u.Forget(client); err != nil {
		return clientFailure(err)
	}
	say(c, "removed: %s", strings.Join(same, ", "))
	return nil
}
