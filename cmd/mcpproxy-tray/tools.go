package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mcpproxy-tray/internal/core/bridge"
	"mcpproxy-tray/internal/core/toolcall"
)

func newTools(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "tools",
		Short: "List, find, call and approve the tools of all servers",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newToolsList(o), newToolsSearch(o), newToolsCall(o), newToolsDiff(o), newToolsApprove(o))
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
				return errToolsList
			}
			if o.json() {
				return json.NewEncoder(c.OutOrStdout()).Encode(tools)
			}
			return printTools(c.OutOrStdout(), tools)
		}}
}

// mostTools is how many tools the API finds at most.
const mostTools = 50

func newToolsSearch(o *options) *cobra.Command {
	var limit int
	var server string
	c := &cobra.Command{
		Use:   "search WORD...",
		Short: "Find tools by what they do, best first",
		Example: `  mcpproxy-tray tools search read a file
  mcpproxy-tray tools search --limit 3 time zone`,
		Args: func(c *cobra.Command, args []string) error {
			if strings.TrimSpace(strings.Join(args, " ")) == "" {
				return &failure{exitUsage, c.CommandPath() + " takes what to look for", "See " + c.CommandPath() + " --help."}
			}
			if limit < 1 || limit > mostTools {
				return &failure{exitUsage, fmt.Sprintf("--limit must be from 1 to %d", mostTools), ""}
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			a, err := o.connect()
			if err != nil {
				return err
			}
			query := url.Values{"q": {strings.Join(args, " ")}, "limit": {strconv.Itoa(limit)}}
			if server != "" {
				query.Set("server", server)
			}
			path := "/api/v1/tools/search?" + query.Encode()
			if o.json() {
				return printDocument(c.Context(), a, path, c.OutOrStdout())
			}
			data, err := a.do(c.Context(), http.MethodGet, path, nil)
			if err != nil {
				return err
			}
			var found struct{ Tools []toolcall.Tool }
			if json.Unmarshal(data, &found) != nil {
				return a.unreachable()
			}
			if len(found.Tools) == 0 {
				say(c, "nothing found; mcpproxy-tray tools list shows all")
			}
			return printTools(c.OutOrStdout(), found.Tools)
		},
	}
	c.Flags().IntVarP(&limit, "limit", "n", 10, "how many at most")
	c.Flags().StringVar(&server, "server", "", "of this `server` alone")
	o.offerServers(c)
	return c
}

// printTools prints a line for each tool.
func printTools(out io.Writer, tools []toolcall.Tool) error {
	w, flush := table(out)
	for _, t := range tools {
		fmt.Fprintf(w, "%s\t%s\n", t.Name, oneLine(t.Description))
	}
	return flush()
}

func newToolsCall(o *options) *cobra.Command {
	var pairs []string
	c := &cobra.Command{
		Use:   "call SERVER__TOOL [JSON | -] [--arg NAME=VALUE]...",
		Short: "Call a tool, with its arguments as a JSON object or one by one",
		Example: `  mcpproxy-tray tools call demo__echo --arg text=hello
  mcpproxy-tray tools call demo__echo '{"text": "hello"}'
  mcpproxy-tray tools call demo__echo - <arguments.json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 2 && len(pairs) == 0 {
				return nil
			}
			return &failure{exitUsage, c.CommandPath() + " takes a tool's name, and either a JSON object or --arg", "See " + c.CommandPath() + " --help."}
		},
		ValidArgsFunction: o.completeTools,
		RunE: func(c *cobra.Command, args []string) error {
			whole, err := wholeArguments(c, args[1:])
			if err != nil {
				return err
			}
			s, err := o.caller(c)
			if err != nil {
				return err
			}
			defer s.Close()
			if len(pairs) > 0 {
				if whole, err = pairedArguments(c.Context(), s, args[0], pairs); err != nil {
					return err
				}
			}
			return callTool(c, o, s, args[0], whole)
		},
	}
	c.Flags().StringArrayVar(&pairs, "arg", nil, "one argument, `NAME=VALUE`; may be repeated. The tool's schema says whether VALUE is text or JSON")
	return c
}

func callTool(c *cobra.Command, o *options, s *toolcall.Caller, tool string, arguments json.RawMessage) error {
	progress, end := progressOn(c.ErrOrStderr())
	raw, text, failed, err := s.Call(c.Context(), tool, arguments, progress)
	end()
	if refused, ok := errors.AsType[*toolcall.RefusedError](err); ok {
		return &failure{exitFailed, "the call was refused: " + oneLine(refused.Text), "mcpproxy-tray tools list shows the names."}
	}
	if err != nil {
		return &failure{exitFailed, "the running instance did not answer the call", "See its log; mcpproxy-tray status shows its servers."}
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
}

// wholeArguments returns the JSON object on the command line, or on stdin for "-".
func wholeArguments(c *cobra.Command, args []string) (json.RawMessage, error) {
	if len(args) == 0 {
		return json.RawMessage("{}"), nil
	}
	text := []byte(args[0])
	if args[0] == "-" {
		var err error
		if text, err = io.ReadAll(c.InOrStdin()); err != nil {
			return nil, &failure{exitFailed, "the arguments on stdin cannot be read", ""}
		}
	}
	if !json.Valid(text) || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return nil, &failure{exitUsage, "the arguments are not a JSON object", "See " + c.CommandPath() + " --help."}
	}
	return text, nil
}

// pairedArguments makes an object of NAME=VALUE arguments. A value that the tool takes as
// a text stays one; any other is JSON if it can be read as such.
func pairedArguments(ctx context.Context, s *toolcall.Caller, name string, args []string) (json.RawMessage, error) {
	tools, err := s.Tools(ctx)
	if err != nil {
		return nil, errToolsList
	}
	values, err := pairs("--arg", args)
	if err != nil {
		return nil, err
	}
	var tool toolcall.Tool
	for _, t := range tools {
		if t.Name == name {
			tool = t
		}
	}
	object := map[string]any{}
	for key, value := range values {
		if object[key] = value; tool.TypeOf(key) != "string" && json.Valid([]byte(value)) {
			object[key] = json.RawMessage(value)
		}
	}
	return json.Marshal(object)
}

var errToolsList = &failure{exitFailed, "the tools cannot be listed", "See the log of the running instance."}

// completeTools completes the names of tools.
func (o *options) completeTools(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	s, err := o.caller(c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp // none runs: there is nothing to offer
	}
	defer s.Close()
	tools, err := s.Tools(c.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, t := range tools {
		names = append(names, cobra.CompletionWithDesc(t.Name, oneLine(t.Description)))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
