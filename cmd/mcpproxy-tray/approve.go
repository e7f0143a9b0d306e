package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func newServersApprove(o *options) *cobra.Command {
	var yes bool
	c := onServer(o, "approve", "Allow a quarantined server to run", func(c *cobra.Command, name string) error {
		a, err := o.connect()
		if err != nil {
			return err
		}
		return approve(c, a, name, yes || !term.IsTerminal(int(os.Stdin.Fd())))
	})
	c.Long = `Allow a quarantined server to run.

The approval holds for exactly the command or address that is shown; when the
configuration changes it, the server is quarantined again. On a terminal it asks
first.`
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

// approve says what would run and approves exactly that, whatever the
// configuration says by then. It asks first unless the answer is known.
func approve(c *cobra.Command, a *api, name string, yes bool) error {
	s, err := a.server(c, name)
	if err != nil {
		return err
	}
	say(c, "%s: would run %s", name, oneLine(s.Launch))
	if !yes && !confirmed(c, "Allow this?") {
		return &failure{exitFailed, "not approved", ""}
	}
	body := map[string]string{"launch_id": s.LaunchID}
	if _, err := a.do(c.Context(), http.MethodPost, serverPath(name, "approve"), body); err != nil {
		return err
	}
	say(c, "%s: approved", name)
	return nil
}

func (a *api) server(c *cobra.Command, name string) (server, error) {
	data, err := a.do(c.Context(), http.MethodGet, serverPath(name, ""), nil)
	if err != nil {
		return server{}, err
	}
	var s server
	if err := json.Unmarshal(data, &s); err != nil {
		return server{}, a.unreachable()
	}
	return s, nil
}

// confirmed asks the person at the terminal; all but a clear yes is a no.
func confirmed(c *cobra.Command, question string) bool {
	c.PrintErr(question + " [y/N] ")
	line, _ := bufio.NewReader(c.InOrStdin()).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}
