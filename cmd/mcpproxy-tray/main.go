// Command mcpproxy-tray supervises MCP servers from the desktop's tray and
// serves them to AI clients at one endpoint. This package holds the command
// line and the wiring of core and tray; it decides nothing about servers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"mcpproxy-tray/internal/core/guard"
)

// version is set by the linker.
var version = "dev"

// Exit codes, as docs/cli.md lists them.
const (
	exitFailed     = 1
	exitUsage      = 2
	exitNoInstance = 3
)

// A failure ends the program with a code after telling a person what happened.
type failure struct {
	code int
	text string
	hint string
}

func (f *failure) Error() string {
	if f.hint == "" {
		return f.text
	}
	return f.text + "\n" + f.hint
}

func usageError(err error) error { return &failure{code: exitUsage, text: err.Error()} }

func main() {
	attachConsole()
	args := os.Args[1:]
	if !supervises(args) {
		os.Exit(plain(args))
	}
	// Before anything is opened or started: this process may become the guard.
	os.Exit(guard.Main(func(tree *guard.Tree) int {
		ctx, stop := tree.StopContext(context.Background())
		defer stop()
		return execute(ctx, newRoot(tree), args, os.Stdout, os.Stderr)
	}))
}

// supervises reports whether a command line runs servers, and so needs the guard.
func supervises(args []string) bool {
	root := newRoot(nil)
	c, _, err := root.Find(args)
	return err == nil && (c == root || c.Name() == "serve")
}

// plain runs a command line that starts no servers.
func plain(args []string) int {
	// A closed terminal or pipe must not end the program half-way. A signal that is
	// caught, unlike one that is ignored, is not passed on.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return execute(ctx, newRoot(nil), args, os.Stdout, os.Stderr)
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "mcpproxy-tray: "+err.Error())
	if f, ok := errors.AsType[*failure](err); ok {
		return f.code
	}
	return exitFailed
}

// options are the flags that every command understands, and what the program runs on.
type options struct {
	tree     *guard.Tree // nil in a command that starts nothing
	config   string
	listen   string
	logLevel string
	output   string
}

func (o *options) json() bool { return o.output == "json" }

func newRoot(tree *guard.Tree) *cobra.Command {
	o := &options{tree: tree}
	root := &cobra.Command{
		Use:   "mcpproxy-tray",
		Short: "Supervise MCP servers from the tray and serve them at one endpoint",
		Long: `mcpproxy-tray keeps your MCP servers running, shows their state in the tray and
serves all of them to your AI clients at one endpoint.

Without a command it runs in the tray; where no tray is available it says so
and serves without one.

Exit codes: 0 all is well, 1 it failed, 2 the command line is wrong, 3 no
instance is running.`,
		Args:              noArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return o.validate() },
		RunE:              func(c *cobra.Command, _ []string) error { return runTray(c, o) },
	}
	f := root.PersistentFlags()
	f.StringVar(&o.config, "config", "", "configuration `file` (default: config.json in the configuration directory)")
	f.StringVar(&o.listen, "listen", "", "`address` to listen on, instead of the configuration's (loopback only)")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVarP(&o.output, "output", "o", "table", "table or json")
	offer(root, "output", "table", "json")
	offer(root, "log-level", "debug", "info", "warn", "error")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(err) })
	root.AddCommand(newServe(o), newStatus(o), newServers(o), newConnect(o), newDisconnect(o), newImport(o), newBridge(o), newTools(o), newHistory(o), newAutostart(o), newDoctor(o), newDemoServer(), newVersion(o))
	root.Version = version
	root.SetVersionTemplate("mcpproxy-tray {{.Version}}\n")
	root.InitDefaultCompletionCmd()
	return root
}

func (o *options) validate() error {
	if o.output != "table" && o.output != "json" {
		return &failure{exitUsage, fmt.Sprintf("unknown output format %q", o.output), "Use -o table or -o json."}
	}
	if _, err := o.level(); err != nil {
		return &failure{exitUsage, fmt.Sprintf("unknown log level %q", o.logLevel), "Use debug, info, warn or error."}
	}
	return nil
}

// offer has a flag completed with these words.
func offer(c *cobra.Command, flag string, words ...cobra.Completion) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // there is no such flag
	}
}

// noArgs refuses arguments; a word that is no command gets a hint.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if c.HasSubCommands() {
		return &failure{exitUsage, fmt.Sprintf("unknown command %q", args[0]), "See " + c.CommandPath() + " --help."}
	}
	return &failure{exitUsage, fmt.Sprintf("%s takes no arguments", c.CommandPath()), ""}
}

// oneName wants exactly one server name.
func oneName(c *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return &failure{exitUsage, c.CommandPath() + " takes one server name", "See " + c.CommandPath() + " --help."}
}

func newVersion(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.json() {
				fmt.Fprintf(c.OutOrStdout(), "{\"version\":%q}\n", version)
				return nil
			}
			fmt.Fprintln(c.OutOrStdout(), "mcpproxy-tray "+version)
			return nil
		},
	}
}
