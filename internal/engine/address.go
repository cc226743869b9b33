package engine

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"github.com/slipwayhq/slipway/internal/fault"
)

// webAddress refuses what cannot be a deployment's address: an edge serves a scheme
// and a host, and nobody deploys to where a machine's provider hands out its keys.
func webAddress(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
		u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || len(s) > 512 {
		return fault.New(fault.Invalid, "deployment_url_invalid",
			"%q is not a deployment's address: give scheme and host, such as http://127.0.0.1:3002.", s)
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if a, err := netip.ParseAddr(host); err == nil && closed(a) || host == "metadata.google.internal" {
		return fault.New(fault.Invalid, "deployment_url_invalid",
			"Nothing is deployed at %s: it belongs to the machine that Slipway runs on.", host)
	}
	return nil
}

// closed reports whether no deployment can be at an address: link-local ones, where
// providers answer with a machine's credentials, and those that name no single host.
func closed(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || a == netip.MustParseAddr("fd00:ec2::254")
}

// goodBuilds refuses build ids that an edge would refuse later, in the middle of a
// release: letters, digits, dot, hyphen and underscore, at most 128 of them.
func goodBuilds(ids []string) error {
	for _, id := range ids {
		if len(id) == 0 || len(id) > 128 || strings.Trim(id, buildLetters) != "" {
			return fault.New(fault.Invalid, "build_id_invalid",
				"%.140q is not a build id: it has letters, digits, dots, hyphens and underscores, at most 128.", id)
		}
	}
	return nil
}

// buildLetters are what a build id is made of.
const buildLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// OnlyDeployments is the Control of a net.Dialer that asks deployments: it refuses
// closed addresses also when a name leads to them.
func OnlyDeployments(_, address string, _ syscall.RawConn) error {
	if at, err := netip.ParseAddrPort(address); err == nil && closed(at.Addr()) {
		return fmt.Errorf("nothing is deployed at %s", at.Addr())
	}
	return nil
}
