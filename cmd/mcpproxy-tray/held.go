package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// A heldTool is a tool that waits for approval, as the API words it.
type heldTool struct {
	Server     string          `json:"server"`
	Kind       string          `json:"kind"`
	Tool       string          `json:"tool"`
	Hash       string          `json:"hash,omitempty"` // empty: it cannot be approved
	Definition json.RawMessage `json:"definition,omitempty"`
	Approved   json.RawMessage `json:"approved,omitempty"` // nil: it never was
}

// named reports whether a name on the command line means the tool: SERVER, or SERVER/TOOL.
func (t heldTool) named(name string) bool {
	return name == "" || name == t.Server || name == t.Server+"/"+t.Tool
}

// held returns the tools that wait for approval and have a name, which may be empty.
func (a *api) held(c *cobra.Command, name string) ([]heldTool, error) {
	data, err := a.do(c.Context(), http.MethodGet, "/api/v1/approvals", nil)
	if err != nil {
		return nil, err
	}
	var doc struct{ Waiting []heldTool }
	if json.Unmarshal(data, &doc) != nil {
		return nil, a.unreachable()
	}
	return slices.DeleteFunc(doc.Waiting, func(t heldTool) bool { return t.Kind != "tool" || !t.named(name) }), nil
}

func newToolsDiff(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "diff [SERVER[/TOOL]]",
		Short: "Show what the tools that wait for approval say now, and what was approved",
		Long: `Show what the tools that wait for approval say now, and what was approved.

Each part of a definition that differs is shown by itself: lines with - were
approved, lines with + are new. What a terminal would hide, such as a character
without width, is shown as \u{…}.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &failure{exitUsage, c.CommandPath() + " takes one name at most", "See " + c.CommandPath() + " --help."}
			}
			return nil
		},
		ValidArgsFunction: o.completeHeld,
		RunE: func(c *cobra.Command, args []string) error {
			a, err := o.connect()
			if err != nil {
				return err
			}
			name := strings.Join(args, "")
			tools, err := a.held(c, name)
			if err != nil {
				return err
			}
			if len(tools) == 0 && name != "" {
				if _, err := a.server(c, name); err != nil {
					return &failure{exitFailed, fmt.Sprintf("there is no server named %q, and no tool of that name waits for approval", name), "See what waits with: mcpproxy-tray tools diff"}
				}
			}
			if o.json() {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetEscapeHTML(false)
				return e.Encode(struct {
					Waiting []heldTool `json:"waiting"`
				}{append([]heldTool{}, tools...)})
			}
			if len(tools) == 0 {
				say(c, "no tool waits for approval")
			}
			return printHeld(c.OutOrStdout(), tools)
		},
	}
}

func newToolsApprove(o *options) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "approve SERVER [TOOL...]",
		Short: "Let AI clients see and call tools that are new or have changed",
		Long: `Let AI clients see and call tools that are new or have changed.

Without the name of a tool all of the server's that wait are meant. The approval
holds for exactly what is shown, as tools diff shows it; when a tool says something
else it is held again. On a terminal it asks first.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &failure{exitUsage, c.CommandPath() + " takes the name of a server", "See " + c.CommandPath() + " --help."}
			}
			return nil
		},
		ValidArgsFunction: o.completeHeldOf,
		RunE: func(c *cobra.Command, args []string) error {
			a, err := o.connect()
			if err != nil {
				return err
			}
			return approveTools(c, a, args, yes || !term.IsTerminal(int(os.Stdin.Fd())))
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

// approveTools shows the tools that are meant by SERVER [TOOL...] and approves exactly
// that, whatever they say by then. It asks first unless the answer is known.
func approveTools(c *cobra.Command, a *api, args []string, yes bool) error {
	server := args[0]
	all, err := a.held(c, "")
	if err != nil {
		return err
	}
	tools, err := choose(all, server, args[1:])
	if err != nil {
		return err
	}
	if len(tools) == 0 {
		if _, err := a.server(c, server); err != nil {
			return err
		}
		say(c, "%s: no tool waits for approval", oneLine(server))
		return nil
	}
	if err := printHeld(c.ErrOrStderr(), tools); err != nil {
		return err
	}
	tools = slices.DeleteFunc(tools, func(t heldTool) bool { return t.Hash == "" })
	if len(tools) == 0 {
		return &failure{exitFailed, "none of these tools can be approved", "Its server must describe it differently; see docs/http-api.md."}
	}
	if !yes && !confirmed(c, fmt.Sprintf("Allow %s?", count(len(tools), "tool"))) {
		return &failure{exitFailed, "not approved", ""}
	}
	type named struct {
		Tool string `json:"tool"`
		Hash string `json:"hash"`
	}
	body := struct {
		Server string  `json:"server"`
		Tools  []named `json:"tools"`
	}{Server: server}
	for _, t := range tools {
		body.Tools = append(body.Tools, named{t.Tool, t.Hash})
	}
	if _, err := a.do(c.Context(), http.MethodPost, "/api/v1/approvals", body); err != nil {
		return err
	}
	say(c, "%s: %s approved", oneLine(server), count(len(tools), "tool"))
	return nil
}

// choose returns the tools of a server that wait and have one of the names, or all of them.
func choose(all []heldTool, server string, names []string) (tools []heldTool, err error) {
	for _, t := range all {
		if t.Server == server && (len(names) == 0 || slices.Contains(names, t.Tool)) {
			tools = append(tools, t)
		}
	}
	for _, name := range names {
		i := slices.IndexFunc(tools, func(t heldTool) bool { return t.Tool == name })
		if i < 0 {
			return nil, &failure{exitFailed, fmt.Sprintf("the server %q has no tool %q that waits for approval", server, name), "See what waits with: mcpproxy-tray tools diff"}
		}
		if tools[i].Hash == "" {
			return nil, &failure{exitFailed, fmt.Sprintf("the tool %q cannot be approved: %s", name, noHash), ""}
		}
	}
	return tools, nil
}

// count says how many there are of something.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// noHash says why a definition has no hash.
const noHash = "programs could understand what it says in different ways, or it is too large"

// printHeld prints what tools say now and what was approved of it.
func printHeld(out io.Writer, tools []heldTool) error {
	var b bytes.Buffer
	for i, t := range tools {
		if i > 0 {
			b.WriteByte('\n')
		}
		name := reveal(t.Server + "/" + t.Tool)
		switch {
		case t.Hash == "":
			fmt.Fprintf(&b, "%s cannot be approved: %s\n", name, noHash)
			continue
		case t.Approved == nil:
			fmt.Fprintf(&b, "%s is new\n", name)
		default:
			fmt.Fprintf(&b, "%s has changed\n", name)
		}
		diffDefinitions(&b, t.Approved, t.Definition)
	}
	_, err := b.WriteTo(out)
	return err
}

// completeHeld completes SERVER and SERVER/TOOL of what waits.
func (o *options) completeHeld(c *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, t := range o.waiting(c) {
		names = append(names, t.Server, t.Server+"/"+t.Tool)
	}
	return typable(names), cobra.ShellCompDirectiveNoFileComp
}

// completeHeldOf completes a server, then the names of its tools that wait.
func (o *options) completeHeldOf(c *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	for _, t := range o.waiting(c) {
		switch {
		case len(args) == 0:
			names = append(names, t.Server)
		case t.Server == args[0] && !slices.Contains(args[1:], t.Tool):
			names = append(names, t.Tool)
		}
	}
	return typable(names), cobra.ShellCompDirectiveNoFileComp
}

// waiting returns what waits, for completion; nothing where no instance runs.
func (o *options) waiting(c *cobra.Command) []heldTool {
	a, err := o.connect()
	if err != nil {
		return nil
	}
	tools, _ := a.held(c, "") // nothing can be said to a person here
	return tools
}

// typable returns each name once, without those that would control the terminal.
func typable(names []string) []string {
	names = slices.DeleteFunc(names, func(n string) bool { return oneLine(n) != n || reveal(n) != n })
	slices.Sort(names)
	return slices.Compact(names)
}
