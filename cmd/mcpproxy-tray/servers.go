package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mcpproxy-tray/internal/core/config"
)

func newServers(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "servers",
		Short: "Manage servers of the running instance, or in the configuration file where none runs",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		newServersList(o), newServersAdd(o), newServersRemove(o),
		newServersEnable(o, "enable", "Switch a server on", true),
		newServersEnable(o, "disable", "Switch a server off", false),
		newServersRestart(o), newServersApprove(o), newServersShow(o), newServersLogs(o),
	)
	return c
}

// online calls with where an instance runs, and else where none runs.
func (o *options) online(with func(*api) error, without func(*config.File) error) error {
	a, err := o.connect()
	if err == nil {
		return with(a)
	}
	if !errors.Is(err, errNoInstance) {
		return err
	}
	path, err := o.configPath()
	if err != nil {
		return err
	}
	return without(config.Open(path))
}

func newServersList(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the servers",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			out := c.OutOrStdout()
			return o.online(func(a *api) error {
				if o.json() {
					return printDocument(c.Context(), a, "/api/v1/servers", out)
				}
				list, err := a.servers(c.Context())
				if err != nil {
					return err
				}
				return printServers(out, list.Servers)
			}, func(f *config.File) error {
				list, err := o.configured(f)
				if err != nil {
					return err
				}
				if o.json() {
					return json.NewEncoder(out).Encode(list)
				}
				fmt.Fprintln(c.ErrOrStderr(), "no instance is running; this is what the configuration asks for")
				return printServers(out, list.Servers)
			})
		},
	}
}

// configured words the configuration's servers as the API would, all stopped.
func (o *options) configured(f *config.File) (serverList, error) {
	list := serverList{Servers: []server{}}
	cfg, err := f.Load()
	if o.config == "" && errors.Is(err, fs.ErrNotExist) {
		return list, nil
	}
	if err != nil {
		return serverList{}, configFailure(err)
	}
	for _, s := range cfg.Servers {
		v := server{Name: s.Name, State: "stopped", Enabled: !s.Disabled, Transport: s.Transport}
		if s.Disabled {
			v.State = "disabled"
		}
		if s.Err != nil {
			v.Problem.Code, v.Problem.Text, v.Problem.Hint = "MPT-CONFIG-ENTRY", s.Err.Text, s.Err.Hint
		}
		list.Servers = append(list.Servers, v)
	}
	return list, nil
}

// configFailure words an error of the configuration for people.
func configFailure(err error) error {
	if e, ok := errors.AsType[*config.Error](err); ok {
		return &failure{exitFailed, e.Error(), e.Hint}
	}
	return &failure{exitFailed, "the configuration cannot be used", "docs/config.md describes it."}
}

// say tells a person what was done, on stderr so that stdout stays data.
func say(c *cobra.Command, format string, args ...any) {
	fmt.Fprintf(c.ErrOrStderr(), format+"\n", args...)
}

// onServer is a command that takes one server's name.
func onServer(o *options, use, short string, do func(c *cobra.Command, name string) error) *cobra.Command {
	return &cobra.Command{
		Use:               use + " NAME",
		Short:             short,
		Args:              oneName,
		ValidArgsFunction: o.completeNames,
		RunE:              func(c *cobra.Command, args []string) error { return do(c, args[0]) },
	}
}

func newServersEnable(o *options, verb, short string, on bool) *cobra.Command {
	return onServer(o, verb, short, func(c *cobra.Command, name string) error {
		err := o.online(func(a *api) error {
			_, err := a.do(c.Context(), http.MethodPost, serverPath(name, verb), nil)
			return err
		}, func(f *config.File) error { return configEdit(f.SetEnabled(name, on)) })
		if err == nil {
			say(c, "%s: %sd", name, verb)
		}
		return err
	})
}

func configEdit(err error) error {
	if err == nil {
		return nil
	}
	return configFailure(err)
}

func newServersRemove(o *options) *cobra.Command {
	return onServer(o, "remove", "Remove a server from the configuration", func(c *cobra.Command, name string) error {
		err := o.online(func(a *api) error {
			_, err := a.do(c.Context(), http.MethodDelete, serverPath(name, ""), nil)
			return err
		}, func(f *config.File) error { return configEdit(f.Remove(name)) })
		if err == nil {
			say(c, "%s: removed", name)
		}
		return err
	})
}

func newServersRestart(o *options) *cobra.Command {
	return onServer(o, "restart", "Restart a server", func(c *cobra.Command, name string) error {
		a, err := o.connect()
		if err != nil {
			return err
		}
		if _, err := a.do(c.Context(), http.MethodPost, serverPath(name, "restart"), nil); err != nil {
			return err
		}
		say(c, "%s: restarting", name)
		return nil
	})
}

// An entry is a server as the configuration file holds it.
type entry struct {
	Command  string            `json:"command,omitempty"`
	Args     []string          `json:"args,omitempty"`
	Env      map[string]string `json:"env,omitempty"`
	Cwd      string            `json:"cwd,omitempty"`
	URL      string            `json:"url,omitempty"`
	Headers  map[string]string `json:"headers,omitempty"`
	Disabled bool              `json:"disabled,omitempty"`
}

func newServersAdd(o *options) *cobra.Command {
	var e entry
	var env, headers []string
	var approved bool
	c := &cobra.Command{
		Use:   "add NAME (--url URL | -- COMMAND [ARG...])",
		Short: "Add a server to the configuration",
		Example: `  mcpproxy-tray servers add notes -- npx -y @modelcontextprotocol/server-filesystem /home/me/notes
  mcpproxy-tray servers add linear --url https://mcp.linear.app/mcp`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := e.fill(c, args, env, headers); err != nil {
				return err
			}
			return o.add(c, args[0], e, approved)
		},
	}
	f := c.Flags()
	f.StringVar(&e.URL, "url", "", "`URL` of a remote server")
	f.StringArrayVar(&env, "env", nil, "`NAME=VALUE` for the server's environment; may be repeated")
	f.StringArrayVar(&headers, "header", nil, "`NAME=VALUE` to send to a remote server; may be repeated")
	f.StringVar(&e.Cwd, "cwd", "", "working `directory` of the command")
	f.BoolVar(&e.Disabled, "disabled", false, "add it switched off")
	f.BoolVar(&approved, "approve", false, "allow it to run at once (needs a running instance)")
	return c
}

// fill takes the arguments of "add" apart.
func (e *entry) fill(c *cobra.Command, args, env, headers []string) error {
	help := "See " + c.CommandPath() + " --help."
	if len(args) == 0 {
		return &failure{exitUsage, "the server needs a name", help}
	}
	if (e.URL == "") == (len(args) == 1) {
		return &failure{exitUsage, "a server is either a command or a --url", help}
	}
	if len(args) > 1 {
		e.Command, e.Args = args[1], args[2:]
	}
	var err error
	if e.Env, err = pairs("--env", env); err != nil {
		return err
	}
	e.Headers, err = pairs("--header", headers)
	return err
}

// pairs reads NAME=VALUE arguments; none gives nil.
func pairs(flag string, args []string) (map[string]string, error) {
	var m map[string]string
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, &failure{exitUsage, fmt.Sprintf("%s %q is not NAME=VALUE", flag, arg), ""}
		}
		if m == nil {
			m = map[string]string{}
		}
		m[name] = value
	}
	return m, nil
}

func (o *options) add(c *cobra.Command, name string, e entry, approved bool) error {
	err := o.online(func(a *api) error {
		body := struct {
			Name string `json:"name"`
			entry
		}{name, e}
		if _, err := a.do(c.Context(), http.MethodPost, "/api/v1/servers", body); err != nil {
			return err
		}
		if !approved {
			return nil
		}
		return approve(c, a, name, consent{sure: true})
	}, func(f *config.File) error {
		if approved {
			return &failure{exitNoInstance, "nothing can be approved while no instance is running",
				"Start mcpproxy-tray first, or add the server without --approve."}
		}
		raw, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("encode entry: %w", err)
		}
		if err := o.create(f); err != nil {
			return configFailure(err)
		}
		return configEdit(f.Add(name, raw))
	})
	if err == nil && !approved {
		say(c, "%s: added; it starts once it is approved: mcpproxy-tray servers approve %s", name, config.ShellQuote(name))
	}
	return err
}

// emptyConfig is the configuration of who begins with a command line.
const emptyConfig = "{\n  \"mcpServers\": {}\n}\n"

// create makes an empty configuration before the first start, unless one was named.
func (o *options) create(f *config.File) error {
	if _, err := os.Stat(f.Path()); o.config != "" || !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	dirs, err := o.dirs()
	if err == nil {
		err = dirs.Make()
	}
	if err == nil {
		err = config.Create(f.Path(), []byte(emptyConfig))
	}
	if errors.Is(err, config.ErrExists) {
		return nil // by somebody else, just now
	}
	return err
}

// completeNames completes the names of servers.
func (o *options) completeNames(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	err := o.online(func(a *api) error {
		list, err := a.servers(context.WithoutCancel(c.Context()))
		for _, s := range list.Servers {
			names = append(names, s.Name)
		}
		return err
	}, func(f *config.File) error {
		list, err := o.configured(f)
		for _, s := range list.Servers {
			names = append(names, s.Name)
		}
		return err
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// offerServers has the flag --server completed.
func (o *options) offerServers(c *cobra.Command) {
	if err := c.RegisterFlagCompletionFunc("server", func(c *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		return o.completeNames(c, nil, word)
	}); err != nil {
		panic(err) // there is no such flag
	}
}
