// Package demo is a small MCP server that the program runs when nothing else is
// configured, so that a client can call a tool before anything is installed. It
// is a server like any other: it knows nothing of the program around it, and
// its tools only read.
//
// Server returns a new server on each call; a server may serve any number of
// sessions at once.
package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const instructions = "A demonstration server that comes with mcpproxy-tray. Its tools read only and need no network."

// Server returns a server with the demonstration tools.
func Server(version string) *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "mcpproxy-tray-demo", Title: "Demo", Version: version}, &mcp.ServerOptions{
		Instructions: instructions,
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}}, // the list never changes
	})
	mcp.AddTool(s, tool("echo", "Echo", "Returns the given text unchanged. Useful to check that a connection works.", true), echo)
	mcp.AddTool(s, tool("add", "Add numbers", "Adds two numbers and returns their sum.", true), add)
	mcp.AddTool(s, tool("current_time", "Current time", "Returns the current date and time, in the time zone asked for or in this computer's.", false), currentTime)
	mcp.AddTool(s, tool("system_info", "System information", "Tells which operating system and architecture this computer has, how many processors, and which process serves this tool.", false), systemInfo)
	return s
}

// Serve speaks MCP on in and out, one JSON message a line, until in ends or ctx
// is done. It returns nil when the client has gone. It closes both.
func Serve(ctx context.Context, version string, in io.ReadCloser, out io.WriteCloser) error {
	err := Server(version).Run(ctx, &mcp.IOTransport{Reader: in, Writer: out})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve the demo server: %w", err)
	}
	return context.Cause(ctx)
}

// tool describes a tool that only reads. Repeatable says that the same arguments give the same answer.
func tool(name, title, description string, repeatable bool) *mcp.Tool {
	no := false
	return &mcp.Tool{
		Name: name, Title: title, Description: description,
		Annotations: &mcp.ToolAnnotations{
			Title: title, ReadOnlyHint: true, DestructiveHint: &no, IdempotentHint: repeatable, OpenWorldHint: &no,
		},
	}
}

func text(format string, args ...any) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprintf(format, args...)}}}
}

type echoInput struct {
	Text string `json:"text" jsonschema:"the text to return"`
}

type echoOutput struct {
	Text string `json:"text" jsonschema:"the text that was given"`
}

func echo(_ context.Context, _ *mcp.CallToolRequest, in echoInput) (*mcp.CallToolResult, echoOutput, error) {
	return text("%s", in.Text), echoOutput(in), nil
}

type addInput struct {
	A float64 `json:"a" jsonschema:"the first number"`
	B float64 `json:"b" jsonschema:"the second number"`
}

type addOutput struct {
	Sum float64 `json:"sum" jsonschema:"a plus b"`
}

func add(_ context.Context, _ *mcp.CallToolRequest, in addInput) (*mcp.CallToolResult, addOutput, error) {
	sum := in.A + in.B
	return text("%v", sum), addOutput{Sum: sum}, nil
}

type timeInput struct {
	TimeZone string `json:"time_zone,omitempty" jsonschema:"an IANA time zone such as Europe/Berlin or UTC; this computer's own if left out"`
}

type timeOutput struct {
	Time     string `json:"time" jsonschema:"date and time as RFC 3339"`
	TimeZone string `json:"time_zone" jsonschema:"the time zone it is given in"`
	Weekday  string `json:"weekday" jsonschema:"day of the week, in English"`
	Unix     int64  `json:"unix" jsonschema:"seconds since 1970-01-01 UTC"`
}

func currentTime(_ context.Context, _ *mcp.CallToolRequest, in timeInput) (*mcp.CallToolResult, timeOutput, error) {
	now := time.Now()
	if in.TimeZone != "" {
		zone, err := time.LoadLocation(in.TimeZone)
		if err != nil {
			return nil, timeOutput{}, fmt.Errorf("%q is not a time zone; give one like Europe/Berlin or UTC", in.TimeZone)
		}
		now = now.In(zone)
	}
	out := timeOutput{
		Time: now.Format(time.RFC3339), TimeZone: now.Location().String(),
		Weekday: now.Weekday().String(), Unix: now.Unix(),
	}
	return text("%s, %s (%s)", out.Weekday, out.Time, out.TimeZone), out, nil
}

type noInput struct{}

type systemOutput struct {
	OS   string `json:"os" jsonschema:"operating system, as Go calls it"`
	Arch string `json:"arch" jsonschema:"processor architecture, as Go calls it"`
	CPUs int    `json:"cpus" jsonschema:"number of logical processors"`
	Go   string `json:"go_version" jsonschema:"Go version this program was built with"`
	PID  int    `json:"pid" jsonschema:"process id of this server"`
}

func systemInfo(context.Context, *mcp.CallToolRequest, noInput) (*mcp.CallToolResult, systemOutput, error) {
	out := systemOutput{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version(), PID: os.Getpid()}
	return text("%s/%s with %d processors; %s, process %d", out.OS, out.Arch, out.CPUs, out.Go, out.PID), out, nil
}
