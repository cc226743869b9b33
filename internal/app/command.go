package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipwayhq/slipway/internal/edge"
	"github.com/slipwayhq/slipway/internal/edge/follow"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric/prometheus"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/telemetry"
)

// upFlags are the flags of `slipway up`.
type upFlags struct {
	strategy, database, listen, public, edgeListen, adopt, level string
	noEdge, jsonLog                                              bool
	proxies                                                      []string
}

// UpCommand returns `slipway up`.
func UpCommand(out, errs io.Writer, version string) *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run Slipway for an application",
		Long: "Runs the control plane (dashboard, API, engine) and the edge that visitors come\n" +
			"through, for the application of a strategy file. State is kept in one SQLite file,\n" +
			"or in PostgreSQL with --database-url; then any number of nodes may run.\n\n" +
			"At the first start it prints a one-time link to make the first administrator.\n" +
			"Secrets come from the environment: SLIPWAY_METRICS_TOKEN opens /metrics to others\n" +
			"than this machine, which needs it then too.",
		Example: "  slipway init && slipway up\n  slipway up --database-url postgres://slipway@db/slipway --listen " +
			"0.0.0.0:4400",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return up(cmd.Context(), f, out, errs, version)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.strategy, "strategy", "slipway.yaml", "strategy file")
	fl.StringVar(&f.database, "database-url", "",
		"SQLite file, or postgres://…; SLIPWAY_DATABASE_URL when empty, and slipway.db without that")
	fl.StringVar(&f.listen, "listen", "127.0.0.1:4400", "address of the dashboard and the API")
	fl.StringVar(&f.public, "public-url", "",
		"address by which others reach the dashboard, such as https://slipway.example.com, for links from GitHub and "+
			"Vercel; SLIPWAY_PUBLIC_URL when empty, and the address it listens on without that")
	fl.StringVar(&f.edgeListen, "edge-listen", "",
		"address for visitors; the strategy's target.selfhost.listen when empty")
	fl.BoolVar(&f.noEdge, "no-edge", false, "run no edge in this process: visitors come through slipway edge")
	proxyFlag(fl, &f.proxies)
	fl.StringVar(&f.adopt, "adopt-version", "current", "name of the version that production runs at the first start")
	fl.StringVar(&f.level, "log-level", "info", "debug, info, warn or error")
	fl.BoolVar(&f.jsonLog, "log-json", false, "write the log as JSON")
	return cmd
}

// proxyFlag adds --trusted-proxy.
func proxyFlag(fl *pflag.FlagSet, to *[]string) {
	fl.StringSliceVar(to, "trusted-proxy", nil,
		"address or network of a proxy in front, whose X-Forwarded-* are believed, e.g. 10.0.0.0/8; may be repeated")
}

// prefixes reads the values of --trusted-proxy.
func prefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if a, e := netip.ParseAddr(s); err != nil && e == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "proxy_invalid",
				"--trusted-proxy is an address or a network such as 10.0.0.0/8, not %q.", s)
		}
		out = append(out, p)
	}
	return out, nil
}

// reserve is kept for a full disk: a night of a canary's verdicts, and what is done about them, takes a few MB.
const reserve = 16 << 20

// database returns where state is kept. The environment is asked here and is no flag's
// default: help shows defaults, and the address may hold a password.
func database(flag string) string {
	return cmp.Or(flag, os.Getenv("SLIPWAY_DATABASE_URL"), "slipway.db")
}

// publicURL reads the value of --public-url.
func publicURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || s != "" && (u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil ||
		u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "") {
		return "", fault.New(fault.Invalid, "public_url_invalid",
			"--public-url (or SLIPWAY_PUBLIC_URL) is an address such as https://slipway.example.com, without a path.")
	}
	return strings.TrimRight(s, "/"), nil
}

// listen opens a listener, with a remedy in the error.
func listen(address, what, flag string) (net.Listener, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "address_taken", "%s cannot listen on %s: %v. Choose another with %s.",
			what, address, err, flag)
	}
	return ln, nil
}

func logger(errs io.Writer, level string, json bool) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fault.New(fault.Invalid, "log_level_invalid", "--log-level is debug, info, warn or error, not %q.", level)
	}
	return telemetry.NewLogger(errs, l, json), nil
}

func up(ctx context.Context, f upFlags, out, errs io.Writer, version string) error {
	log, err := logger(errs, f.level, f.jsonLog)
	if err != nil {
		return err
	}
	s, err := strategy.Load(f.strategy)
	if err != nil {
		return err
	}
	o := Options{Database: database(f.database), Reserve: reserve, Strategy: s,
		Folder: filepath.Dir(f.strategy), Log: log, Version: version, Adopt: f.adopt,
		MetricsToken: os.Getenv("SLIPWAY_METRICS_TOKEN")}
	if p, named := s.Prometheus(); named {
		for _, secret := range []string{p.TokenEnv, p.PasswordEnv} {
			if secret != "" && os.Getenv(secret) == "" {
				return fault.New(fault.Invalid, "secret_missing", "The strategy reads %s for Prometheus, and it is empty.", secret)
			}
		}
		o.Prometheus = &prometheus.Options{
			URL: p.URL, Token: os.Getenv(p.TokenEnv), User: p.User, Password: os.Getenv(p.PasswordEnv), Every: p.Every,
			Timeout: p.Timeout, Lag: p.Lag,
		}
	}
	if o.Public, err = publicURL(cmp.Or(f.public, os.Getenv("SLIPWAY_PUBLIC_URL"))); err != nil {
		return err
	}
	if o.Proxies, err = prefixes(f.proxies); err != nil {
		return err
	}
	if o.Control, err = listen(f.listen, "Slipway", "--listen"); err != nil {
		return err
	}
	if _, onVercel := s.Vercel(); !f.noEdge && !onVercel {
		if f.edgeListen == "" {
			f.edgeListen = s.Listen
		}
		if o.Edge, err = listen(f.edgeListen, "The edge", "--edge-listen"); err != nil {
			return errors.Join(err, o.Control.Close())
		}
	}
	a, err := Open(ctx, o)
	if err != nil {
		return err
	}
	if err := announce(ctx, a, f, out); err != nil {
		return errors.Join(err, a.DB.Close())
	}
	return a.Run(ctx)
}

// announce says where everything is, and how to begin.
func announce(ctx context.Context, a *App, f upFlags, out io.Writer) error {
	link, err := a.SetupLink(ctx)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "Slipway runs the strategy of %s (%s).\n  dashboard  %s\n", a.opts.Strategy.App, f.strategy,
		a.URL())
	if a.PublicURL() != a.URL() {
		_, _ = fmt.Fprintf(out, "  public     %s\n", a.PublicURL())
	}
	if a.EdgeURL() != "" {
		_, _ = fmt.Fprintf(out, "  visitors   %s\n", a.EdgeURL())
	}
	if where := a.targetLine(ctx); where != "" {
		_, _ = fmt.Fprintf(out, "  target     %s\n", where)
	}
	if g, ok := a.opts.Strategy.GitHub(); ok {
		_, _ = fmt.Fprintf(out, "  github     %s, as the GitHub App %d; look with: slipway github status\n", g.Repository,
			g.App)
	}
	if link != "" {
		_, _ = fmt.Fprintf(out, "\nNobody can sign in yet. Make the first administrator here (the link works once):\n  %s\n",
			link)
	}
	return nil
}

// edgeFlags are the flags of `slipway edge`.
type edgeFlags struct {
	control, listen, name, file, level string
	flagsListen, flagsFile             string
	jsonLog                            bool
	proxies                            []string
}

// EdgeCommand returns `slipway edge`.
func EdgeCommand(out, errs io.Writer) *cobra.Command {
	var f edgeFlags
	cmd := &cobra.Command{
		Use:   "edge",
		Short: "Run an edge as its own process",
		Long: "Runs the proxy that visitors come through. It follows the routing table of a\n" +
			"control node, keeps the last one in a file, and goes on serving it when no control\n" +
			"node answers. The token needs the scope edge:operate and is read from SLIPWAY_TOKEN.\n\n" +
			"With --flags-listen it also answers the programs beside it that evaluate feature flags\n" +
			"(OFREP, and /flags/v1), from the last flags that it has seen. SLIPWAY_FLAGS_KEY is the\n" +
			"server key of the environment; the programs send the same one.",
		Example: "  SLIPWAY_TOKEN=slp_… slipway edge --control http://127.0.0.1:4400 --listen 0.0.0.0:8080",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runEdge(cmd.Context(), f, out, errs)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.control, "control", "http://127.0.0.1:4400", "address of a control node")
	fl.StringVar(&f.listen, "listen", "127.0.0.1:8080", "address for visitors")
	proxyFlag(fl, &f.proxies)
	fl.StringVar(&f.name, "name", "", "name of this edge; its host and address when empty")
	fl.StringVar(&f.file, "snapshot", "slipway-edge.json", "file that keeps the last routing table")
	fl.StringVar(&f.flagsListen, "flags-listen", "", "address for programs that evaluate flags; none when empty")
	fl.StringVar(&f.flagsFile, "flags-snapshot", "slipway-edge-flags.json", "file that keeps the last flags")
	fl.StringVar(&f.level, "log-level", "info", "debug, info, warn or error")
	fl.BoolVar(&f.jsonLog, "log-json", false, "write the log as JSON")
	return cmd
}

// flags is what answers for flags beside the edge, and a sentence of where; nothing when that was not asked for.
func (f edgeFlags) flags(log *slog.Logger) (run func(context.Context) error, where string, err error) {
	if f.flagsListen == "" {
		return func(context.Context) error { return nil }, "", nil
	}
	key := os.Getenv("SLIPWAY_FLAGS_KEY")
	if key == "" {
		return nil, "", fault.New(fault.Invalid, "flag_key_missing",
			"--flags-listen needs a server key in SLIPWAY_FLAGS_KEY: slipway flag-key create.")
	}
	file, err := filepath.Abs(f.flagsFile)
	if err != nil {
		return nil, "", fmt.Errorf("find the file of flags: %w", err)
	}
	ln, err := listen(f.flagsListen, "The edge", "--flags-listen")
	if err != nil {
		return nil, "", err
	}
	where = fmt.Sprintf("It answers for feature flags on http://%s.\n", ln.Addr())
	return EdgeFlags{Control: f.control, Key: key, File: file, Listen: ln, Log: log}.Run, where, nil
}

func runEdge(ctx context.Context, f edgeFlags, out, errs io.Writer) error {
	log, err := logger(errs, f.level, f.jsonLog)
	if err != nil {
		return err
	}
	proxies, err := prefixes(f.proxies)
	if err != nil {
		return err
	}
	e, err := edge.New(edge.Options{Log: log, TrustedProxies: proxies})
	if err != nil {
		return err
	}
	ln, err := listen(f.listen, "The edge", "--listen")
	if err != nil {
		return err
	}
	if f.name, err = edgeNamed(f.name, ln.Addr().String()); err != nil {
		return errors.Join(err, ln.Close())
	}
	file, err := filepath.Abs(f.file)
	if err != nil {
		return errors.Join(fmt.Errorf("find the snapshot file: %w", err), ln.Close())
	}
	follower, err := follow.New(e, follow.Options{Control: f.control, Token: os.Getenv("SLIPWAY_TOKEN"), Name: f.name,
		File: file, Log: log})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	flags, where, err := f.flags(log)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	_, _ = fmt.Fprintf(out, "The edge %q serves visitors on http://%s and follows %s.\n%s", f.name, ln.Addr(), f.control,
		where)
	return runBoth(ctx, func(ctx context.Context) error { return e.Serve(ctx, ln) }, func(ctx context.Context) error {
		return runBoth(ctx, follower.Run, flags)
	})
}

// edgeNamed returns the name that an edge reports under: letters, digits, dots,
// underscores and hyphens, as the control nodes take it.
func edgeNamed(name, address string) (string, error) {
	plain := func(r rune) rune {
		if strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", r) {
			return r
		}
		return '-'
	}
	if name == "" {
		host, _ := os.Hostname()
		port := strings.Map(plain, address)
		return strings.Map(plain, host[:min(len(host), max(0, 63-len(port)))]) + "-" + port, nil
	}
	if len(name) > 64 || strings.Map(plain, name) != name {
		return "", fault.New(fault.Invalid, "edge_name_invalid",
			"--name is at most 64 letters, digits, dots, underscores and hyphens, not %q.", name)
	}
	return name, nil
}
