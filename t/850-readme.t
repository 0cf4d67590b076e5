#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# README.md and conf/NUMAFLOW.md as an operator goes through them: every fenced
# block is run as it stands, one after the other, while records flow, and
# nothing may be lost on the way from the pods and back.  (The first two blocks
# of README.md build and test forebay: t/slow/fresh.t.)
#
# Only this is put in place: addresses and paths (%INSTEAD), the host that a
# block is run on (its run directory), fewer records to compare; kubectl is a
# script, and numaflow-rs and the pods are Test::Forebay::Foreign.
use strict;
use warnings;

use JSON::PP ();
use MIME::Base64 ();
use Test::More;

use Test::Forebay;
use Test::Forebay::Foreign;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

if (my $why = Test::Forebay::no_python()) {
	skip_for($why);
	done_testing();
	exit;
}
Test::Forebay::Kafka->need;

my $broker = Test::Forebay::Kafka->shared;
my ($PARTITIONS, $GROUP) = (4, $broker->unique_name('g'));
my $dir = scratch();
my %INSTEAD = (
	'/opt/numaflow-rs' => Test::Forebay::Foreign::program("$dir"),
	'/opt/forebay/worker.py' => source_dir() . '/t/interop/worker.py',
	'127.0.0.1:2471' => '127.0.0.1:0',
	'--create' => '--create --records 1000 --rounds 1 --latency 200ms',
);
my $topic = $broker->topic($PARTITIONS);
my $copy = $broker->topic($PARTITIONS, output => 1);

mkdir("$dir/$_") or die "$dir/$_: $!" for qw(bin tmp one two);

# ---- the pages -------------------------------------------------------------

# [ language, text ] of each fenced block.
sub blocks
{
	my ($page) = @_;
	my $text = slurp(source_dir() . "/$page");
	my @blocks;

	push @blocks, [$1, $2] while $text =~ /^```(\w+)\n(.*?)^```$/msg;
	return @blocks;
}

# ---- the cluster that it begins with ---------------------------------------

my %SPEC = (
	source => { kafka => { brokers => [$broker->bootstrap],
	    topic => $topic, consumerGroup => $GROUP,
	    config => "auto.offset.reset: earliest\n" } },
	sink => { kafka => { setKey => JSON::PP::true(), brokers => [$broker->bootstrap],
	    topic => $copy } },
);

# Everything kubectl prints is in the document; `spec:` is a line of its own.
sub cluster
{
	my $json = JSON::PP->new->canonical;
	my $object = $json->encode({ metadata => { name => 'orders',
	    namespace => 'default' }, spec => \%SPEC });
	my $command = "NUMAFLOW_MONO_VERTEX_OBJECT="
	    . MIME::Base64::encode_base64($object, '') . " $dir/foreign";

	spew("$dir/cluster.yaml", <<"YAML" . join '', map {
apiVersion: numaflow.numaproj.io/v1alpha1
kind: MonoVertex
metadata:
  creationTimestamp: "2025-01-01T00:00:00Z"
  generation: 3
  name: orders
  namespace: default
  resourceVersion: "4711"
  uid: 2f3c1d52-5f0b-4d51-a9a5-8d4a3cf2c8c1
status:
  phase: Running
  replicas: 1
spec:
YAML
	    "  $_: " . $json->encode($SPEC{$_}) . "\n" } sort keys %SPEC);
	spew("$dir/bin/kubectl", <<"SH");
#!/bin/sh
case "\$*" in
'get monovertex orders -o yaml')
	exec cat $dir/cluster.yaml ;;
'patch monovertex orders --type merge -p {"spec":{"lifecycle":{"desiredPhase":"Paused"}}}')
	kill \$(cat $dir/pod)
	tail --pid=\$(cat $dir/pod) -f /dev/null ;;
'patch monovertex orders --type merge -p {"spec":{"lifecycle":{"desiredPhase":"Running"}}}')
	$command &
	echo \$! >$dir/pod ;;
*)
	echo "kubectl: \$*: what?" >&2; exit 1 ;;
esac
SH
	chmod(0755, "$dir/bin/kubectl");
	return;
}

# ---- running ---------------------------------------------------------------

# A shell on that host; what it leaves running goes on.
sub shell
{
	my ($text, $host) = @_;
	my $pid = spawn(['sh', '-eu', '-c', "cd $dir\n$text"],
	    out => "$dir/out", err => "$dir/err", env => {
		PATH => "$dir/bin:" . build_dir() . ":$ENV{PATH}",
		RUNTIME_DIRECTORY => "$dir/" . ($host // 'one'),
		TMPDIR => "$dir/tmp", NUMAFLOW_RUNTIME => undef });

	my $status = reap($pid, patience(300));

	kill_pid($pid) unless defined $status;
	return $status // -1;
}

sub run_block
{
	my ($text, $host, $instead) = @_;

	$instead //= \%INSTEAD;
	for my $what (sort keys %$instead) {
		$text =~ s/\Q$what\E/$instead->{$what}/g;
	}
	my ($title) = $text =~ /\A(.*)$/m;

	return is(shell($text, $host), 0, $title) ||
	    diag(slurp("$dir/err") =~ s/\A.*(?=(?:\n.*){20})//sr);
}

# An operator's editor: these lines instead of those that they begin with.
sub put_in
{
	my ($text) = @_;
	my ($first) = $text =~ /\A(.*\n)/;
	my $manifest = slurp("$dir/orders.yaml");

	is(scalar($manifest =~ s/^\Q$first\E/$text/m), 1, 'put in');
	spew("$dir/orders.yaml", $manifest);
	return;
}

# ---- what is to be seen ----------------------------------------------------

sub status
{
	my ($host) = @_;
	my ($status, $out) = run([build_dir() . '/forebay', 'status', '--json',
	    '-d', "$dir/" . ($host // 'one')], timeout => patience(30));

	return $status ? undef : eval { JSON::PP::decode_json($out) };
}

# Every record that is there now is committed, whoever does it.
sub flows
{
	my ($what) = @_;
	my $ends = $broker->offsets($GROUP, $topic);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_soon {
		my $now = $broker->offsets($GROUP, $topic) or return 0;

		return !grep { $now->[$_]{committed} < $ends->[$_]{end} }
		    0 .. $PARTITIONS - 1;
	} $what, 90;
}

sub runs
{
	my ($runtime, $host) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_soon { ((status($host) // {})->{runtime} // '') eq $runtime }
	    "the runtime is $runtime", 60;
	return flows("records go through $runtime");
}

sub held
{
	my $status = status($_[0]) // return 0;

	return scalar grep { $_->{state} eq 'HELD' } @{$status->{partitions}};
}

# In the order of the blocks: where it is run, and what holds afterwards.
my @steps = (
	{ },
	{ check => sub { unlike(slurp("$dir/orders.yaml"), qr/RUNTIME/,
	    'nothing is chosen') } },
	{ },
	{ check => sub { runs('rust') } },
	{ check => sub {
		runs('c');
		is_soon { held() == $PARTITIONS } 'all of them';
	} },
	{ check => sub {
		like(slurp("$dir/out"), qr/^python +canary 25% +1 /m,
		    'both are shown');
		is_soon { (grep { $_->{canary} }
		    @{(status() // {})->{partitions}}) == 1 }
		    'the canary has its share', 30;
		flows('records go through both');
	} },
	{ check => sub {
		is_soon { !grep { $_->{runtime} eq 'python' }
		    @{(status() // {})->{workers}} } 'it is gone', 30;
		flows('records go through c');
	} },
	{ host => 'two', check => sub {
		is_soon { held('two') == 2 && held() == 2 }
		    'partitions are shared', 60;
		runs('python', 'two');
	} },
	{ host => 'two', check => sub {
		like(slurp("$dir/out"), qr/"runtime": ?"python"/,
		    'status names the runtime');
		is(status('two'), undef, 'that host has left');
		is_soon { held() == $PARTITIONS } 'the first has all again', 60;
	} },
	{ check => sub { runs('rust') } },
	{ check => sub {
		is(status(), undef, 'forebay has ended');
		flows('records go through the pods');
	} },
	{ check => sub {
		like(slurp("$dir/page.html"), qr{</html>\s*\z}, 'a page');
		my $o = eval { JSON::PP::decode_json(slurp("$dir/costs.json")) };

		is(scalar @{$o->{cases} // []}, 4, 'sizes and modes');
		is(join(' ', sort map { $_->{name} }
		    @{$o->{cases}[0]{runtimes}}), 'c python rust',
		    'of all runtimes that are there');
		flows('meanwhile the group goes on');
	} },
);

sub go_through
{
	my @blocks = blocks('conf/NUMAFLOW.md');
	my $producer;

	is(scalar @blocks, scalar @steps, 'each block is known') or return;
	cluster();
	is(shell('kubectl patch monovertex orders --type merge -p '
	    . q('{"spec":{"lifecycle":{"desiredPhase":"Running"}}}')), 0,
	    'pods run');
	$producer = $broker->producer($topic, rate => 500);
	flows('records go through the pods');
	for my $step (@steps) {
		my ($language, $text) = @{shift @blocks};

		$language eq 'yaml' ? put_in($text)
		    : run_block($text, $step->{host});
		$step->{check}->() if $step->{check};
	}
	$producer->close;
	is_soon { $broker->is_caught_up($GROUP, $topic) } 'all is committed',
	    60;
	shell("kill \$(cat $dir/pod); tail --pid=\$(cat $dir/pod) -f "
	    . '/dev/null');
	$broker->delivered_ok(from => $copy, topic => $topic, any_order => 1);
	is(join(' ', pids_in($dir)), '', 'nothing is left over');
	return;
}

# What a newcomer types after the two commands.
sub own_kafka
{
	my ($build, $check, @blocks) = blocks('README.md');
	my ($in, $group) = ($broker->topic(2), $broker->unique_name('g'));
	my %instead = ('build/forebay' => build_dir() . '/forebay',
	    'localhost:9092' => $broker->bootstrap,
	    'topic: orders' => "topic: $in",
	    'orders-forebay' => $group);

	like($build->[1], qr/make deps demo/, 'the first command');
	like($check->[1], qr/make check/, 'the second command');
	is(scalar @blocks, 4, 'each block is known') or return;
	run_block($blocks[0][1], 'three', \%instead);
	$broker->produce($in, 100);
	is_soon { (grep { $_->{committed} } @{$broker->offsets($group, $in)
	    // []}) && $broker->is_caught_up($group, $in) } 'records flow', 60;
	run_block($blocks[1][1], 'three', \%instead);
	like(slurp("$dir/out"), qr/^worker/mi, 'the status is shown');
	run_block($blocks[2][1], 'three', \%instead);
	$broker->produce($in, 100);
	is_soon { $broker->is_caught_up($group, $in) } 'records flow again', 60;
	is(scalar(() = slurp("$dir/err") =~
	    /function sink-\d+\[\d+\]: got b/g), 100,
	    'each has been in the sink');
	run_block($blocks[3][1], 'three', \%instead);
	is(join(' ', pids_in($dir)), '', 'nothing is left over');
	return;
}

mkdir("$dir/three") or die "$dir/three: $!";
scenario 'with your own Kafka' => \&own_kafka;
scenario 'from the pods and back, by the book' => \&go_through;

# Also if it was interrupted.
END {
	local $?;
	kill('KILL', pids_in($dir)) if $dir;
}

done_testing();
