//go:build unix

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func exit(_ *server, _ *request, value string) bool {
	if sig, ok := map[string]syscall.Signal{"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM}[value]; ok {
		signal.Reset(sig)
		_ = syscall.Kill(os.Getpid(), sig)
		forever()
	}
	code, err := strconv.Atoi(value)
	if err != nil {
		code = 1
	}
	os.Exit(code)
	return true
}

func life(_ *server, _ *request, value string) bool {
	time.AfterFunc(part(value), func() { os.Exit(1) })
	return false
}

// duration reads a time; what cannot be read is for ever.
func duration(value string) time.Duration {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return 1 << 62
	}
	return d
}

// part returns a random part of a time.
func part(value string) time.Duration { return rand.N(duration(value)) + 1 }

func ignoreTerm(*server, *request, string) bool {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	return false
}

func ignoreEOF(s *server, _ *request, _ string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ignoreEOF = true
	return false
}

func freeze(*server, *request, string) bool {
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	return false
}

func closeStdout(*server, *request, string) bool {
	_ = os.Stdout.Close()
	return false
}

func closeStdin(*server, *request, string) bool {
	_ = os.Stdin.Close()
	forever() // reading would find the end of input
	return true
}

func deaf(*server, *request, string) bool {
	forever()
	return true
}

// forever does not return. "select {}" in the last goroutine would be a deadlock.
func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

// launcher goes on as the child that it starts.
func launcher(s *server, _ *request, _ string) bool {
	_, rest, _ := strings.Cut(s.script, "launcher")
	cmd := s.another(strings.TrimPrefix(rest, "@start"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(e.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "evilserver:", err)
		os.Exit(1)
	}
	os.Exit(0)
	return true
}

// another prepares a process of this program with a script of its own.
func (s *server) another(script string) *exec.Cmd {
	args := []string{"-script", script, "-token", s.token, "-seed", strconv.FormatUint(s.seed+1, 10)}
	if s.ledger != nil {
		args = append(args, "-ledger", s.ledger.Name())
	}
	if s.modern {
		args = append(args, "-modern")
	}
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return exec.Command(self, args...)
}

// lastForever is the script of a process that nothing but SIGKILL ends.
const lastForever = "ignore-term;deaf"

func child(s *server, _ *request, value string) bool {
	cmd := s.another(lastForever)
	switch value {
	case "setsid":
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	case "double":
		cmd = s.another("child=setsid;exit=0")
		_ = cmd.Run()
		return false
	case "wiped":
		cmd = s.another("child=bare;exit=0")
		_ = cmd.Run()
		return false
	case "bare":
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		cmd.Env = []string{}
	}
	_ = cmd.Start() // nobody waits for it
	return false
}
