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
	var how consent
	c := onServer(o, "approve", "Allow a quarantined server to run", func(c *cobra.Command, name string) error {
		a, err := o.connect()
		if err != nil {
			return err
		}
		how.sure = how.sure || !term.IsTerminal(int(os.Stdin.Fd()))
		return approve(c, a, name, how)
	})
	c.Long = `Allow a quarantined server to run.

The approval holds for exactly the command or address that is shown; when the
configuration changes it, the server is quarantined again. On a terminal it asks
first.

The tools that it lists first are approved with it, unless --review-tools has each
of them wait for tools approve. Tools that are added or change later always wait.`
	c.Flags().BoolVarP(&how.sure, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&how.review, "review-tools", false, "hold its tools until they are approved, too")
	return c
}

// A consent is how a server is approved.
type consent struct {
	sure   bool // nobody is asked
	review bool // its tools are held
}

// approve says what would run and approves exactly that, whatever the
// configuration says by then. It asks first unless the answer is known.
func approve(c *cobra.Command, a *api, name string, how consent) error {
	s, err := a.server(c, name)
	if err != nil {
		return err
	}
	say(c, "%s: would run %s", name, oneLine(s.Launch))
	if !how.sure && !confirmed(c, "Allow this?") {
		return &failure{exitFailed, "not approved", ""}
	}
	body := struct {
		LaunchID string `json:"launch_id"`
		Review   bool   `json:"review_tools,omitempty"`
	}{s.LaunchID, how.review}
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
