package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mcpproxy-tray/internal/core"
	"mcpproxy-tray/internal/core/clients"
	"mcpproxy-tray/internal/core/config"
)

// A permit is how a command that changes a file gets its user's yes.
type permit struct {
	yes, dry bool
}

func (k *permit) flags(c *cobra.Command) {
	c.Flags().BoolVarP(&k.yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&k.dry, "dry-run", false, "only show what would be written")
}

// ask reports whether what was shown is to be done. Without a terminal nobody can be asked.
func (k *permit) ask(c *cobra.Command, question string) (bool, error) {
	switch {
	case k.dry:
		say(c, "nothing was written")
		return false, nil
	case k.yes:
		return true, nil
	case !term.IsTerminal(int(os.Stdin.Fd())):
		return false, &failure{exitUsage, "nothing was written: there is no terminal to ask at", "Add --yes to have it written, or --dry-run to only look."}
	case !confirmed(c, question):
		return false, &failure{exitFailed, "nothing was written", ""}
	}
	return true, nil
}

func newConnect(o *options) *cobra.Command {
	var k permit
	var endpoint string
	c := &cobra.Command{
		Use:   "connect [CLIENT]",
		Short: "Put the endpoint into an AI client's configuration, or list the clients",
		Long: `Put the endpoint into an AI client's configuration file, with the token of AI
clients. It shows what would be written and asks first. Of the file one entry
changes, everything else stays as it is; a copy is kept, and disconnect puts back
what was there. Without CLIENT it lists those that are installed.`,
		Args:              atMostOneClient,
		ValidArgsFunction: completeClients,
		RunE: func(c *cobra.Command, args []string) error {
			u, err := o.user()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return listClients(c, o, u)
			}
			client, err := clientNamed(args[0])
			if err != nil {
				return err
			}
			if endpoint != "all" && endpoint != "search" {
				return &failure{exitUsage, fmt.Sprintf("unknown endpoint %q", endpoint), "Use --endpoint all or --endpoint search."}
			}
			return o.connectClient(c, u, client, endpoint == "search", k)
		},
	}
	k.flags(c)
	c.Flags().StringVar(&endpoint, "endpoint", "all", "all tools, or search: a few tools that find and call the others")
	offer(c, "endpoint", "all", "search")
	return c
}

func newDisconnect(o *options) *cobra.Command {
	var k permit
	c := &cobra.Command{
		Use:               "disconnect CLIENT",
		Short:             "Take the endpoint out of an AI client's configuration",
		Long:              "Take the endpoint out of an AI client's configuration file and put back what was\nthere before connect. It shows what would be written and asks first.",
		Args:              oneClient,
		ValidArgsFunction: completeClients,
		RunE: func(c *cobra.Command, args []string) error {
			u, err := o.user()
			if err != nil {
				return err
			}
			client, err := clientNamed(args[0])
			if err != nil {
				return err
			}
			if where, _ := u.Manual(client, clients.Endpoint{}); where != "" {
				return &failure{exitFailed, client.Name + " is not connected by mcpproxy-tray", "Take the entry out by hand: " + where + "."}
			}
			change, err := u.Disconnect(client)
			if err != nil {
				return clientFailure(err)
			}
			done, err := apply(c, u, change, k)
			if done {
				say(c, "%s: disconnected", client.Name)
			}
			return err
		},
	}
	k.flags(c)
	return c
}

// user returns whose clients these are.
func (o *options) user() (clients.User, error) {
	dirs, err := o.dirs()
	if err != nil {
		return clients.User{}, err
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return clients.User{}, &failure{exitFailed, "the home folder is not known", "Set HOME to a full path."}
	}
	self, err := os.Executable()
	if err != nil {
		return clients.User{}, fmt.Errorf("find own program file: %w", err)
	}
	u := clients.User{Home: home, Env: os.LookupEnv, Dir: dirs.Clients(), Self: self}
	if inst, err := core.FindInstance(dirs); err == nil {
		u.Addresses = append(u.Addresses, strings.TrimPrefix(inst.URL, "http://"))
	}
	if cfg, err := o.wanted(); err == nil {
		u.Addresses = append(u.Addresses, cfg.Listen)
	}
	return u, nil
}

// wantedPath returns the configuration file in force: that of the running instance, if none
// was named.
func (o *options) wantedPath() (string, error) {
	dirs, err := o.dirs()
	if err != nil {
		return "", err
	}
	if inst, err := core.FindInstance(dirs); err == nil && o.config == "" {
		return inst.Config, nil
	}
	return o.configPath()
}

// wanted reads the configuration in force; where none is, it is that of a first start.
func (o *options) wanted() (*config.Config, error) {
	path, err := o.wantedPath()
	if err != nil {
		return nil, err
	}
	cfg, err := config.Open(path).Load()
	if o.config == "" && errors.Is(err, fs.ErrNotExist) {
		return config.Fallback(), nil
	}
	if err != nil {
		return nil, configFailure(err)
	}
	return cfg, nil
}

// offered returns what a client is to use: where the instance listens, or will.
func (o *options) offered(search bool) (e clients.Endpoint, passing bool, err error) {
	dirs, err := o.dirs()
	if err != nil {
		return e, false, err
	}
	cfg, err := o.wanted()
	if err != nil {
		return e, false, err
	}
	listen := cfg.Listen
	if o.listen != "" {
		listen = o.listen
	}
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return e, false, &failure{exitUsage, fmt.Sprintf("--listen %q is not an address with a port", listen), ""}
	}
	passing = port == "0"
	base := "http://" + listen
	if inst, err := core.FindInstance(dirs); err == nil {
		if err := o.means(inst); err != nil {
			return e, false, err
		}
		base = inst.URL
	} else if passing {
		return e, false, &failure{exitNoInstance, "the port is chosen when mcpproxy-tray starts, and none is running", "Start it first, or write a port into the configuration."}
	}
	self, err := os.Executable()
	if err != nil {
		return e, false, fmt.Errorf("find own program file: %w", err)
	}
	e = clients.Endpoint{URL: base + bridgePath("", search), Bridge: []string{self, "bridge"}}
	if search {
		e.Bridge = append(e.Bridge, "--search")
	}
	if os.Getenv("MCPPROXY_TRAY_HOME") != "" {
		e.Env = map[string]string{"MCPPROXY_TRAY_HOME": dirs.Data}
	}
	if cfg.MCPAuth == "none" {
		return e, passing, nil
	}
	token, err := os.ReadFile(dirs.Token())
	if err != nil {
		return e, false, &failure{exitFailed, "the token of AI clients is not there yet", "Start mcpproxy-tray once, then try again."}
	}
	e.Token = strings.TrimSpace(string(token))
	return e, passing, nil
}

func (o *options) connectClient(c *cobra.Command, u clients.User, client clients.Client, search bool, k permit) error {
	e, passing, err := o.offered(search)
	if err != nil {
		return err
	}
	if where, text := u.Manual(client, e); where != "" {
		say(c, "%s is not written by the program. Put this into %s:", client.Name, where)
		fmt.Fprintln(c.OutOrStdout(), strings.TrimSpace(text))
		return nil
	}
	change, err := u.Connect(client, e)
	if err != nil {
		return clientFailure(err)
	}
	done, err := apply(c, u, change, k)
	if err != nil || !done {
		return err
	}
	say(c, "%s: connected", client.Name)
	if after := client.After(); after != "" {
		say(c, "%s", after)
	}
	if passing {
		say(c, "The port is another one after each start; write one into \"listen\" of the configuration, and connect again.")
	}
	if info, err := os.Stat(change.Path); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 && strings.Contains(string(change.After), "Bearer ") {
		say(c, "Others on this computer can open the file, which has the token now: chmod go= %s", config.ShellQuote(change.Path))
	}
	return nil
}

// apply shows a change, asks, and writes it.
func apply(c *cobra.Command, u clients.User, change *clients.Change, k permit) (done bool, err error) {
	if change.Empty() {
		say(c, "%s", change.Note)
		return false, nil
	}
	fmt.Fprint(c.OutOrStdout(), change.Diff())
	if yes, err := k.ask(c, "Write this?"); !yes {
		return false, err
	}
	copied, err := u.Apply(change)
	if err != nil {
		return false, clientFailure(err)
	}
	if copied != "" {
		say(c, "a copy of the file as it was: %s", copied)
	}
	return true, nil
}

// clientFailure words an error about a client's file.
func clientFailure(err error) error {
	if e, ok := errors.AsType[*config.Error](err); ok {
		return &failure{exitFailed, e.Error(), e.Hint}
	}
	return &failure{exitFailed, err.Error(), ""}
}

func clientNamed(name string) (clients.Client, error) {
	client, ok := clients.Named(name)
	if !ok {
		var ids []string
		for _, c := range clients.All() {
			ids = append(ids, c.ID)
		}
		return client, &failure{exitUsage, fmt.Sprintf("there is no client %q", name), "These are known: " + strings.Join(ids, ", ") + "."}
	}
	return client, nil
}

func atMostOneClient(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return &failure{exitUsage, c.CommandPath() + " takes one client", "See " + c.CommandPath() + " --help."}
	}
	return nil
}

func oneClient(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return &failure{exitUsage, c.CommandPath() + " takes one client", "mcpproxy-tray connect lists them."}
	}
	return nil
}

func completeClients(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var ids []cobra.Completion
	for _, c := range clients.All() {
		if len(args) == 0 {
			ids = append(ids, cobra.CompletionWithDesc(c.ID, c.Name))
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// listClients prints the clients that are installed.
func listClients(c *cobra.Command, o *options, u clients.User) error {
	type row struct {
		ID        string `json:"id"`
		Name      string `json:"name"`
		File      string `json:"file,omitempty"` // absent: it is connected by hand
		Connected bool   `json:"connected"`
		As        string `json:"as,omitempty"` // the name it has us under
	}
	list := struct {
		Clients []row `json:"clients"`
	}{[]row{}}
	for _, s := range u.Statuses() {
		if s.Here {
			list.Clients = append(list.Clients, row{s.Client.ID, s.Client.Name, s.Path, s.As != "", s.As})
		}
	}
	if o.json() {
		return json.NewEncoder(c.OutOrStdout()).Encode(list)
	}
	if len(list.Clients) == 0 {
		say(c, "no AI client is installed that is known here")
		return nil
	}
	w, flush := table(c.OutOrStdout())
	fmt.Fprintln(w, "CLIENT\tCONNECTED\tFILE")
	for _, r := range list.Clients {
		connected := "no"
		switch {
		case r.As != "" && r.As != clients.Name:
			connected = "as " + oneLine(r.As)
		case r.Connected:
			connected = "yes"
		case r.File == "":
			connected, r.File = "by hand", "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", r.ID, connected, r.File)
	}
	return flush()
}
