#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# `forebay test` as people use it: on a build server without secrets, on one
# document of many, and to learn what has no effect.
use strict;
use warnings;

use File::Temp ();
use Test::More;

use Test::Forebay::Util;

my $dir = File::Temp->newdir;
my $forebay = build_dir() . '/forebay';
delete @ENV{qw(NUMAFLOW_RUNTIME NUMAFLOW_MONO_VERTEX_OBJECT
    CREDENTIALS_DIRECTORY)};

sub said
{
	my $text = qx('$forebay' @_ 2>&1);

	return ($? >> 8, $text);
}

sub vertex
{
	my ($name, $more) = @_;

	return <<"YAML";
---
apiVersion: numaflow.numaproj.io/v1alpha1
kind: MonoVertex
metadata: {name: $name}
spec:
  volumes: [{name: v}]
  scale: {min: 1}
  source:
    kafka:
      brokers: [127.0.0.1:9092]
      topic: topic-$name
      consumerGroup: g
$more
  sink: {blackhole: {}}
YAML
}

my $secured = <<'YAML';
      tls:
        caCertSecret: {name: broker, key: ca}
      sasl:
        mechanism: SCRAM-SHA-512
        scramsha512:
          userSecret: {name: broker, key: user}
          passwordSecret: {name: broker, key: password}
YAML

# ---- without secrets ------------------------------------------------------

my $host = "---\napiVersion: forebay/v1\nkind: Host\nspec:\n" .
    "  cpuAffinity: [1023]\n  kafka:\n    config: |\n" .
    "      ssl.ca.location: $dir/none.pem\n";
spew("$dir/a.yaml", vertex('a', $secured) . $host);
my ($status, $text) = said("test -c $dir/a.yaml");
is($status, 2, 'secrets and CPUs that are not there are missed');
($status, $text) = said("test --no-secrets -c $dir/a.yaml");
like("$status $text", qr/^0 .*: ok$/ms, 'and not with --no-secrets');
spew("$dir/b.yaml", vertex('b', $secured .
	"      config: 'fetch.max.bytes: 1000'") . $host);
($status, $text) = said("test --no-secrets -c $dir/b.yaml");
is($status, 2, 'what does not go together is found all the same');
like($text, qr/b\.yaml:\d+:\d+: .*fetch\.max\.bytes/, 'with its place');
($status, $text) = said("dump --no-secrets -c $dir/a.yaml");
is($status, 2, 'other commands do not take it');

# ---- what has no effect ---------------------------------------------------

spew("$dir/c.yaml", vertex('c', ''));
($status, $text) = said("test -c $dir/c.yaml");
like($text, qr/: ok$/m, 'what has no effect is no mistake') and
    unlike($text, qr/volumes/, 'and not named');
($status, $text) = said("test --ignored -c $dir/c.yaml");
like($text, qr/c\.yaml:6:3: spec\.volumes: /, 'unless it is asked for');
like($text, qr/c\.yaml:7:3: spec\.scale: /, 'all of it');
is("$status " . ($text =~ /spec\.source/ ? 1 : 0), '0 0', 'and nothing else')
    if like($text, qr/: ok$/m, 'it is no mistake');

# ---- one of many ----------------------------------------------------------

spew("$dir/many.yaml", vertex('one', '') . vertex('two', '') .
    "---\napiVersion: forebay/v1\nkind: Host\nspec: {workers: 3}\n" .
    "---\napiVersion: forebay/v1\nkind: Host\nmetadata: {name: two}\n" .
    "spec: {workers: 5}\n");
($status, $text) = said("test -c $dir/many.yaml");
is($status, 2, 'two documents are one too many');
like($text, qr/FILE#NAME picks one/, 'and the way out is named');
($status, $text) = said("dump -c '$dir/many.yaml#one'");
like("$status $text", qr/^0 .*topic: topic-one\n.*workers: 3\n/s,
    'one is picked by its name, with the plain Host');
($status, $text) = said("dump -c '$dir/many.yaml#two'");
like($text, qr/topic: topic-two\n.*workers: 5\n/s,
    'or with the Host of its name');
($status, $text) = said("test -c '$dir/many.yaml#three'");
is($status, 2, 'there has to be one of that name');
like($text, qr/no document of kind MonoVertex with the name "three"/,
    'which is said');
spew("$dir/x#y.yaml", vertex('x', ''));
($status, $text) = said("test -c '$dir/x#y.yaml'");
like("$status $text", qr/^0 .*: ok$/ms, 'a file may have a # in its own name');

# ---- which master, if the manifest has mistakes ----------------------------

sub host
{
	my ($name, $at) = @_;

	return "---\napiVersion: forebay/v1\nkind: Host\n" .
	    "metadata: {name: $name}\nspec: {runDirectory: $dir/$at}\n";
}

my $wrong = '      nonsense: 1';
spew("$dir/many.yaml", vertex('one', $wrong) . host('one', 'first') .
    vertex('two', $wrong) . host('two', 'second'));
($status, $text) = said("stop -c '$dir/many.yaml#one'");
like($text, qr{running in \Q$dir\E/first$}m, 'that of the one that is picked');
($status, $text) = said("stop -c '$dir/many.yaml#two'");
like($text, qr{running in \Q$dir\E/second$}m, 'or of the other');
($status, $text) = said("stop -c '$dir/many.yaml'");
is($status, 1, 'without a name it is none of them');
like($text, qr/so the run directory is not known/, 'and that is said');
($status, $text) = said("stop -c '$dir/many.yaml#three'");
like($text, qr/so the run directory is not known/, 'nor is there a third');
spew("$dir/list.yaml", "apiVersion: v1\nkind: List\nitems:\n" .
    "- {kind: MonoVertex, metadata: {name: x}, spec: {}}\n" .
    "- {kind: Host, spec: {runDirectory: $dir/third}}\n");
($status, $text) = said("stop -c '$dir/list.yaml'");
like($text, qr{running in \Q$dir\E/third$}m, 'or of the items of a list');

# ---- nothing that can be run ----------------------------------------------

spew("$dir/r.yaml", "apiVersion: numaplane.numaproj.io/v1alpha1\n" .
    "kind: MonoVertexRollout\nmetadata: {name: r}\n" .
    "spec: {monoVertex: {spec: {}}}\n");
($status, $text) = said("test -c $dir/r.yaml");
like($text, qr/spec\.monoVertex/, 'a rollout: where the MonoVertex is') and
    unlike($text, qr/required/, 'and nothing is said to be missing');

done_testing();
