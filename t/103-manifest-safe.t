#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# To check a manifest runs no program, loads no library and opens no
# connection, whatever it says and whichever document says it.
use strict;
use warnings;

use File::Temp ();
use IO::Socket::INET ();
use Test::More;

use Test::Forebay::Util;

my $dir = File::Temp->newdir;
my $mark = "$dir/mark";
my $forebay = build_dir() . '/forebay';
my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1',
    Blocking => 0) or die "listen: $!\n";
my $broker = '127.0.0.1:' . $listener->sockport;
delete @ENV{qw(NUMAFLOW_RUNTIME NUMAFLOW_MONO_VERTEX_OBJECT)};

# What `forebay test` says, and its exit status.
sub said
{
	my ($config, $host, $more) = @_;
	my $lines = join '', map { "        $_\n" } split /\n/, $config;
	my $doc = defined $host ? "---\napiVersion: forebay/v1\nkind: Host\n" .
	    "spec:\n  kafka:\n    config: |\n" .
	    join('', map { "      $_\n" } split /\n/, $host) : '';

	$doc = "---\napiVersion: forebay/v1\nkind: Host\nspec:\n  $more\n"
	    if defined $more;
	spew("$dir/m.yaml", <<"YAML" . $doc);
apiVersion: numaflow.numaproj.io/v1alpha1
kind: MonoVertex
metadata: {name: t}
spec:
  source:
    kafka:
      brokers: ["$broker"]
      topic: t
      consumerGroup: g
      config: |
$lines
  sink: {kafka: {brokers: ["$broker"], topic: out}}
YAML
	my $text = qx('$forebay' test -c '$dir/m.yaml' 2>&1);
	return ($? >> 8, $text);
}

my $gssapi = "security.protocol: sasl_plaintext\nsasl.mechanism: GSSAPI";
my $built = build_dir();
my ($plugin) = glob "$built/t/preload/*.so";
$plugin or die "no shared object to try\n";

for my $bad (
	"plugin.library.paths: $plugin",
	"$gssapi\nsasl.kerberos.kinit.cmd: touch $mark",
	"$gssapi\nsasl.kerberos.principal: \$(touch $mark)",
	"$gssapi\nsasl.kerberos.principal: me;touch $mark",
	"ssl.engine.location: $plugin",
	'internal.termination.signal: 9',
	'test.mock.num.brokers: 1',
) {
	my ($status, $text) = said($bad);
	my ($what) = $bad =~ /([^\n:]+): [^\n]*$/;

	subtest "$what in a MonoVertex" => sub {
		is($status, 2, 'it is refused');
		like($text, qr/^\Q$dir\E.*\Q$what\E/m, 'it is named');
		unlike($text, qr/dlopen|conf_init/, 'nothing was loaded');
		ok(!-e $mark, 'nothing was run');
	};
}

for my $good (
	"sasl.kerberos.kinit.cmd: touch $mark",
	"ssl.providers: $plugin",
	"ssl.engine.location: $plugin",
) {
	my ($status, $text) = said($gssapi, $good);

	subtest "$good in the Host document" => sub {
		is($status, 0, 'it is allowed');
		like($text, qr/: ok$/m, 'which is said');
		ok(!-e $mark, 'nothing was run');
		unlike($text, qr/dlopen|conf_init/, 'nothing was loaded');
	};
}

# Where librdkafka cannot load plugins at all, that is what is said.
my ($status, $text) = said($gssapi, "plugin.library.paths: $plugin");
like($text, qr/: ok$|built without plugins/m, 'a plugin of the host') and
    unlike($text, qr/dlopen|conf_init/, 'it is not loaded');

($status, $text) = said('client.id: a');
like("$status $text", qr/^0 .*: ok$/ms, 'a plain manifest is fine');
# What depends on the machine is said here, and not by the workers' deaths.
($status, $text) = said('client.id: a', undef, 'cpuAffinity: [0, 1023]');
is($status, 2, 'a CPU that is not there is refused');
like($text, qr/m\.yaml:\d+:16: spec\.cpuAffinity: found CPU 1023/,
    'with its place');

fail('somebody has connected to the broker') if $listener->accept;

done_testing();
