package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mcpproxy-tray/internal/core/bridge"
	"mcpproxy-tray/internal/core/toolcall"
)

func newTools(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "tools",
		Short: "List and call the tools of all servers",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newToolsList(o), newToolsCall(o))
	return c
}

// caller opens a session at the running instance.
func (o *options) caller(c *cobra.Command) (*toolcall.Caller, error) {
	dirs, err := o.dirs()
	if err != nil {
		return nil, err
	}
	base, token, err := o.endpoint(dirs)
	if errors.Is(err, bridge.ErrNoInstance) {
		return nil, errNoInstance
	}
	if err != nil {
		return nil, err
	}
	s, err := toolcall.Open(c.Context(), base+"/mcp", token, version)
	if err != nil {
		return nil, (&api{base: base}).unreachable()
	}
	return s, nil
}

func newToolsList(o *options) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the tools that AI clients are offered", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := o.caller(c)
			if err != nil {
				return err
			}
			defer s.Close()
			tools, err := s.Tools(c.Context())
			if err != nil {
				return &failure{exitFailed, "the tools cannot be listed", "See the log of the running instance."}
			}
			if o.json() {
				return json.NewEncoder(c.OutOrStdout()).Encode(tools)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, t := range tools {
				fmt.Fprintf(w, "%s\t%s\n", t.Name, oneLine(t.Description))
			}
			return w.Flush()
		}}
}

func newToolsCall(o *options) *cobra.Command {
	return &cobra.Command{Use: "call SERVER__TOOL [JSON]", Short: "Call a tool, with its arguments as a JSON object",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 2 && json.Valid([]byte(args[1])) && strings.HasPrefix(strings.TrimSpace(args[1]), "{") {
				return nil
			}
			return &failure{exitUsage, c.CommandPath() + " takes a tool's name and a JSON object", "See " + c.CommandPath() + " --help."}
		},
		RunE: func(c *cobra.Command, args []string) error {
			s, err := o.caller(c)
			if err != nil {
				return err
			}
			defer s.Close()
			raw, text, failed, err := s.Call(c.Context(), args[0], json.RawMessage(append(args, "{}")[1]))
			if err != nil {
				return &failure{exitFailed, "the call failed: " + oneLine(err.Error()), "mcpproxy-tray tools list shows the names."}
			}
			if o.json() {
				text = string(raw) + "\n"
			} else {
				text = tame([]byte(text))
			}
			fmt.Fprint(c.OutOrStdout(), text)
			if failed {
				return &failure{exitFailed, "the tool says that it failed", ""}
			}
			return nil
		}}
}
