#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Who may know whom: the folders that a folder includes are those of this
# table, and no two files include each other, by whatever way.
use strict;
use warnings;

use lib 't/lint';
use Arrows;
use Test::More;
use Tree;

# Beside itself, and shared/fby.h, which all have.
my @data = qw(shared/base shared/yaml shared/settings shared/manifest);
my @shared = (@data, qw(shared/boundary shared/kafka));
my %may = (
	'shared' => [qw(shared/base)],
	'shared/base' => [],
	'shared/yaml' => [qw(shared/base)],
	'shared/boundary' => [qw(shared/base)],
	'shared/settings' => [qw(shared/base shared/yaml)],
	'shared/manifest' => [qw(shared/base shared/yaml shared/settings)],
	'shared/kafka' => [@data],

	'master/base' => [@shared],
	'master/handoff' => [@shared, 'master/base'],
	'master/group' => [@shared, qw(master/base master/handoff)],
	'master/runtime' => [@shared, 'master/base'],
	'master/function' => [@shared, qw(master/base master/runtime)],
	'master/pool' => [@shared,
	    qw(master/base master/handoff master/runtime)],
	# What runs in the operator's own process knows no running master.
	'master/cli' => [@shared, qw(master/base master/runtime)],
	'master/compare' => [@shared, qw(master/base master/cli)],
	# What operators ask a running master: it looks at all of it.
	'master/admin' => [@shared, qw(master master/base master/handoff
	    master/group master/runtime master/pool master/function)],
	# main, and what puts all together.
	'master' => [@shared, qw(master/base master/handoff master/group
	    master/runtime master/pool master/function master/admin
	    master/cli master/compare)],

	# The last is what protoc-c makes.
	'worker' => [@shared, qw(worker/sink worker/stage
	    worker/function/proto)],
	'worker/sink' => [@shared, qw(worker worker/function
	    worker/function/proto)],
	'worker/stage' => [@shared, qw(worker worker/function
	    worker/function/proto)],
	# A client of gRPC, and the requests it is for; it knows no records.
	'worker/function' => [qw(shared/base shared/boundary
	    worker/function/proto)],
);

my @arrows = arrows();

for my $folder (sort keys %may) {
	my %allowed = map { $_ => 1 } $folder, @{$may{$folder}};
	my @wrong = map { $_->{where} }
	    grep { folder_of($_->{from}) eq $folder &&
	    $_->{to} ne 'shared/fby' && !$allowed{folder_of($_->{to})} }
	    @arrows;

	is(join("\n", @wrong), '', "$folder includes what it may");
}

# Only these two of the worker know the sinks' folder: all others know what a
# sink is (outlet.h).
my @sinks = map { $_->{where} } grep { $_->{from} !~ m{^worker/sink/} &&
    $_->{to} =~ m{^worker/sink/} &&
    $_->{from} !~ m{^worker/(?:main|loop)$} } @arrows;
is(join("\n", @sinks), '', 'worker: main and loop alone include sinks');

my %folders = map { folder_of($_) => 1 } map { $_->{from} } @arrows;
is_deeply([sort grep { !$may{$_} } keys %folders], [],
    'each folder has its row in the table');

for my $circle (circles(grep {
    !(folder_of($_->{from}) =~ m{^shared(?:/base)?$}) } @arrows)) {
	my %in = map { $_ => 1 } @$circle;

	fail("@$circle include each other");
	diag($_->{where}) for grep { $in{$_->{from}} && $in{$_->{to}} } @arrows;
}
pass('looked at all circles');

# The drawing that people read first.
my $drawn = qx($^X t/lint/graph.pl --text);
ok(index(slurp('master/README'), $drawn) >= 0,
    'master/README has what t/lint/graph.pl --text says') or diag($drawn);

done_testing();
