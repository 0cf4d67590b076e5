#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Functions that go wrong in one way (t/interop/functions/faults.py), on a real
# Kafka: one line of the log says which function and what, nothing is lost, and
# it goes on.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Function;
use Test::Forebay::Functions;
use Test::Forebay::Kafka;
use Test::Forebay::SinkFunction;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $broker = Test::Forebay::Kafka->shared;
my $RECORDS = 60;
# Quoted where it is an argument: JSON::PP knows when it has been a number.
my $ALWAYS = 1000;

# A daemon that has such a function; `args` are of faults.py.
sub begin
{
	my ($role, $fault, %opt) = @_;
	my $workers = $opt{workers} // 1;
	my $f = Test::Forebay->new(broker => $broker,
	    topic => $broker->topic($workers),
	    workers => $workers, sink => $role eq 'sink' ? {} : 'log',
	    host => { poisonPill => { kills => 100 }, %{$opt{host} // {}} });

	Test::Forebay::Functions::place($f, Test::Forebay::Function->new(
	    role => $role, fault => $fault, mode => $opt{mode} // 'sync',
	    args => $opt{args} // []), 'auto');
	$f->edit($opt{edit}) if $opt{edit};
	put($f);
	return $f->start;
}

sub put
{
	my ($f) = @_;

	$f->{records} += $RECORDS;
	return $broker->produce($f->{topics}[0], $RECORDS);
}

# From here on it is well.
sub lift
{
	my ($f, $role) = @_;

	return spew("$f->{run}/functions/$role-0/faults", '.' x $ALWAYS);
}

# What the workers complain of, about a function; it may be slow to start.
sub said
{
	my ($f, $role) = @_;

	return grep { !/; it is waited for$/ } $f->log_text =~
	    /^\S+ warn worker \d+\[\d+\]: function \Q$role\E: (.*)$/mg;
}

sub has_alarm
{
	my ($f, $what, $text) = @_;

	return grep { $_->{what} eq $what && $_->{text} =~ $text }
	    @{$f->status->{alarms}};
}

# All has been delivered, once but for `repeated`, and nothing is wrong any more.
sub ends_well
{
	my ($f, $role, %opt) = @_;

	$f->await_caught_up;
	Test::Forebay::SinkFunction::outcomes_ok($f,
	    delivered => $f->{records});
	is_soon { !grep { lc($_->{state}) ne 'ready' || $_->{why} }
	    @{$f->status->{functions}} } 'it is ready again';
	is_soon { !@{$f->status->{alarms}} } 'no alarm is left';
	$f->drain;
	my $lines = $role eq 'sink' ?
	    Test::Forebay::Function::log_lines("$f->{dir}/lines",
		grep { $_->{answered} } Test::Forebay::Functions::seen($f,
		$role)) : $f->{out};

	return $f->delivered_ok(logs => [$lines], produced => $f->{records},
	    topic => $f->{topics}[0], repeated => $opt{repeated} // 0,
	    any_order => $role eq 'sink');
}

# ---- one fault, then it is well ------------------------------------------

my $CALL = qr{sink\.v1\.Sink/SinkFn};
my $TRANSFORM = qr{sourcetransformer\.v1\.SourceTransform/SourceTransformFn};
# It is told as a reset if there was something that it had not read.
my $GONE = qr/the peer closed the connection|read: Connection reset by peer/;
my $FAILED = qr/$CALL: INTERNAL: UDF_EXECUTION_ERROR\(udsink\): it failed/;
my $UNASKED = qr/it answers for id "nobody:0:0", which it was not asked about/;
my $NOT_DUE = 'of which no answer is due';
my @ONCE = (
	['sink', 'crash', $GONE],
	['sink', 'crash-half', $GONE, repeated => $RECORDS / 2],
	['sink', 'close', $GONE],
	['sink', 'half-frame', $GONE],
	['sink', 'garbage', qr{HTTP/2: FRAME_SIZE_ERROR}],
	['sink', 'large-frame', qr{HTTP/2: FRAME_SIZE_ERROR}],
	['sink', 'too-large', qr/$CALL: RESOURCE_EXHAUSTED: a message of 67108865 bytes; at most 67108864 are taken/],
	['sink', 'compressed', qr/$CALL: INTERNAL: a message is compressed/],
	['sink', 'unknown-id', $UNASKED],
	['sink', 'duplicate-id', qr/it answers for id "demo-t\S+", which has its answer already/],
	['sink', 'missing-id', qr/its end of transmission leaves 1 of 60 records without an answer/],
	['sink', 'no-eot-end', qr/it ended $CALL/],
	['sink', 'invalid', qr/its answer is no SinkResponse/],
	['sink', 'goaway', qr/it is shutting down/],
	['sink', 'rst', qr{$CALL: INTERNAL: the stream was reset, error 2 of HTTP/2}],
	['sink', 'error', $FAILED],
	['transformer', 'crash', $GONE],
	['transformer', 'unknown-id', qr/it answers for id "nobody:0:0", $NOT_DUE/],
	['transformer', 'error', qr/$TRANSFORM: INTERNAL: UDF_EXECUTION_ERROR\(transformer\): it failed/],
	['transformer', 'no-eot-end', qr/it ended $TRANSFORM/],
	['map', 'duplicate-id', qr{it answers for id "0\.0/demo-t\S+", $NOT_DUE}],
	['map', 'status', qr/it answers for id "\\xff\\xfe", $NOT_DUE/],
	['map', 'invalid', qr/its answer is no MapResponse/],
	['map', 'missing-id', qr/its end of transmission leaves records without an answer/, mode => 'batch'],
);

for (@ONCE) {
	my ($role, $fault, $text, %opt) = @$_;

	scenario "$role: $fault" => sub {
		my $f = begin($role, $fault, %opt);

		ends_well($f, $role, %opt);
		my @said = said($f, $role);

		is(scalar @said, 1, 'one line says it') or
		    diag(explain(\@said));
		like($said[0], qr/^$text; it is connected anew$/,
		    'and what it was');
	};
}

scenario 'sink: status' => sub {
	my $f = begin('sink', 'status');

	ends_well($f, 'sink');
	my @said = $f->log_text =~ /^\S+ warn worker \S+ lane \S+: (.*)$/mg;

	is(scalar @said, 1, 'one line says it') or diag(explain(\@said));
	like($said[0], qr/^offset 0: sink: the function answered status 77, which is unknown$/,
	    'and what it was');
};

# ---- those that last, beside all others ----------------------------------

# The worker tells after 10 s that there is no answer.
my %slowly = (host => { progressTimeout => '13s' });
my %LASTING = (
	'it hangs' => ['hang', %slowly],
	'it never says that a batch is done' => ['no-eot', %slowly],
	'each call ends with an error' => ['error',
	    args => ['--times', "$ALWAYS"]],
);
my $only = $ENV{FOREBAY_SCENARIO} // '';
my %lasting = map { $_ => begin('sink', @{$LASTING{$_}}) } grep { /$only/ }
    sort keys %LASTING;

# ---- before it is ready --------------------------------------------------

for (['no-handshake', qr/$CALL: its first message is no handshake/],
    ['http-error', qr/$CALL: UNAVAILABLE: not gRPC: HTTP status 503/],
    ['refuse', $GONE]) {
	my ($fault, $text) = @$_;

	scenario "sink: $fault" => sub {
		my $f = begin('sink', $fault, args => ['--times', "$ALWAYS"]);

		is_soon { has_alarm($f, 'function',
		    qr/^1 worker cannot use sink-0: $text/) }
		    'there is an alarm while it lasts';
		is(($f->http('/readyz'))[0], 503, 'not ready');
		lift($f, 'sink');
		ends_well($f, 'sink');
		my @said = said($f, 'sink');

		like($said[0], qr/^$text; it is connected anew$/,
		    'a line says it');
		is(scalar(grep { !/^$text/ } @said), 0, 'and nothing else') or
		    diag(explain(\@said));
	};
}

for (['info-cut', qr/it is not complete/],
    ['info-garbage', qr/1:\d+: it is not JSON: /]) {
	my ($fault, $text) = @$_;

	scenario "sink: $fault" => sub {
		my $f = begin('sink', $fault);

		is_soon { has_alarm($f, 'function',
		    qr{^1 worker cannot use sink-0: \S+/sinker-server-info: $text}) }
		    'there is an alarm while it lasts';
		kill('KILL', $f->status->{functions}[0]{pid});
		ends_well($f, 'sink');
	};
}

# As with Numaflow, it is enough that it answers.
scenario 'sink: not-ready' => sub {
	my $f = begin('sink', 'not-ready', args => ['--times', "$ALWAYS"]);

	ends_well($f, 'sink');
	is_deeply([said($f, 'sink')], [], 'nothing is said');
};

# ---- another worker's ----------------------------------------------------

scenario 'one of two crashes again and again' => sub {
	my $f = begin('sink', 'crash', workers => 2, edit => sub {
		my $sink = $_[1]{functions}{sink};

		@$sink{qw(command args)} = (['sh', '-c',
		    'n=0; test $NUMAFLOW_REPLICA = 0 && n=' . $ALWAYS
		    . '; exec "$@" --times $n', 'sh'],
		    [@{$sink->{command}}, @{$sink->{args}}]);
	});

	is_soon { join(' ', sort { $a <=> $b } map { $_->{delivered} }
	    values %{$f->partitions}) eq '0 30' }
	    'the other partition goes on';
	is_soon { has_alarm($f, 'function', qr/^function sink-0 is not running/) }
	    'there is an alarm';
	my $generation = $f->group_generation;

	lift($f, 'sink');
	ends_well($f, 'sink');
	is($generation, 1, 'no rebalance');
};

# ---- what has lasted -----------------------------------------------------

sub lasting_ok
{
	my ($name, $code) = @_;

	return scenario $name => sub { $code->(delete $lasting{$name}) };
}

# A slow function is back-pressure and nothing else, but an operator may look.
sub silent_ok
{
	my ($f) = @_;

	is_soon { has_alarm($f, 'sink', qr/the sink function does not answer/) }
	    'there is an alarm while it lasts', 60;
	is_soon { $f->log_text =~ /warn forebay\S+ sink: .*the sink function does not answer/ }
	    'the log has it', 60;
	is($f->group_generation, 1, 'no rebalance');
	is_deeply([said($f, 'sink')], [], 'and no end of the connection');
	kill('KILL', $f->status->{functions}[0]{pid});
	return ends_well($f, 'sink');
}

lasting_ok('it hangs', \&silent_ok);
lasting_ok('it never says that a batch is done', sub {
	my ($f) = @_;

	is_soon { $f->outcomes->{delivered} == $RECORDS } 'what it answers counts';
	put($f);
	silent_ok($f);
});
lasting_ok('each call ends with an error', sub {
	my ($f) = @_;

	is_soon { has_alarm($f, 'function', qr/^1 worker cannot use sink-0: $FAILED/) }
	    'there is an alarm while it lasts', 60;
	lift($f, 'sink');
	ends_well($f, 'sink');
	my @said = said($f, 'sink');

	like($said[0], qr/^$FAILED; it is connected anew$/, 'a line says it');
	is(scalar(grep { !/^$FAILED/ } @said), 0, 'and nothing else') or
	    diag(explain(\@said));
});

done_testing();
