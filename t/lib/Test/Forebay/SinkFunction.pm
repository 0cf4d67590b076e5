# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: a sink that is a function of the user's, written with the SDK for
# Python (t/interop/functions/sink.py), which the test runs itself.
package Test::Forebay::SinkFunction;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Path qw(make_path);
use JSON::PP ();
use Test::More;

use Test::Forebay;

use Test::Forebay::Kafka;
use Test::Forebay::Scenarios;
use Test::Forebay::Util;

my %PLACE = (sink => 'udsink', fallback => 'fb-udsink',
    onSuccess => 'ons-udsink');
# Test::Forebay::Function has made it.
my $PYTHON = source_dir() . '/build/functions/python/bin/python';
my $FUNCTION = { udsink => { container => { image => 'sink' } } };

# ---- the function --------------------------------------------------------

# One for the worker in slot 0; OUT is what it writes.
sub start_function
{
	my ($f, $role, $rules, $no) = @_;
	my $dir = abs_path("$f->{dir}") . "/run/functions/$role-" . ($no // 0);
	my $self = bless { owner => $$, log => "$f->{dir}/$role.log",
		out => "$f->{dir}/$role.out", dir => $dir,
		role => $role, rules => $rules }, __PACKAGE__;

	make_path($dir);
	return $self->start;
}

sub start
{
	my ($self) = @_;
	unlink glob("$self->{dir}/*");
	$self->{pid} = spawn([$PYTHON, source_dir() . '/t/interop/functions/sink.py',
	    $self->{dir}, $self->{out}, @{$self->{rules}}],
	    out => $self->{log}, err => $self->{log},
	    env => { NUMAFLOW_UD_CONTAINER_TYPE => $PLACE{$self->{role}} });
	return $self;
}

sub stop
{
	my ($self, $signal) = @_;

	kill_pid(delete $self->{pid}, $signal // 'TERM') if $self->{pid};
	return;
}

sub DESTROY
{
	my ($self) = @_;

	return if $self->{owner} != $$ || !$self->{pid};
	local ($?, $@);
	kill('CONT', $self->{pid});
	$self->stop('KILL');
	return;
}

sub lines { return () = slurp($_[0]{out}) =~ /^/mg }

# ---- forebay -------------------------------------------------------------

# One worker, whose functions run; they and what it writes are in the object.
sub with_functions
{
	my ($b, $topic, $sink, %rules) = @_;
	my $host = delete $rules{host} // {};
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    workers => 1, host => $host, sink => $sink);
	my %function = map { $_ => start_function($f, $_, $rules{$_}) }
	    sort keys %rules;

	return ($f, \%function);
}

sub drain
{
	my ($f, $function) = @_;

	$f->drain;
	$_->stop('KILL') for values %$function;
	return;
}

# All that was produced has come to these functions, and nothing else.
sub sunk_ok
{
	my ($f, $functions, %opt) = @_;
	my @out = map { $_->{out} } @$functions;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(join('', grep { /^BAD/m } map { slurp($_) } @out), '',
	    'keys, headers and topic are those of the record');
	return $f->delivered_ok(logs => \@out, %opt);
}

sub outcomes_ok
{
	my ($f, %want) = @_;
	my $sum = 0;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$want{$_} //= 0 for qw(delivered fallback dead_lettered dropped);
	$sum += $_ for values %want;
	return is_deeply($f->outcomes, { %want, returned => 0, held => 0,
	    read => $sum }, 'the counters say so, and add up');
}

# ---- scenarios -----------------------------------------------------------

body function_sink => 'all goes to the function, once and in order', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my ($f, $function) = with_functions($b, $topic, $FUNCTION,
	    sink => []);

	$b->produce($topic, 20_000, key => 'text', headers => 1);
	$f->start->await_caught_up;
	outcomes_ok($f, delivered => 20_000);
	drain($f, $function);
	sunk_ok($f, [$function->{sink}], produced => 20_000);
};

body function_refuses => 'failures and nacks come again', sub {
	my ($b) = @_;
	my $topic = $b->topic(2);
	my ($f, $function) = with_functions($b, $topic, $FUNCTION,
	    sink => ['failure=7', 'nack=11']);

	$b->produce($topic, 4000);
	$f->start->await_caught_up;
	outcomes_ok($f, delivered => 4000);
	drain($f, $function);
	sunk_ok($f, [$function->{sink}], produced => 4000, any_order => 1);
};

body function_diverts => 'to the fallback and to onSuccess', sub {
	my ($b) = @_;
	my $topic = $b->topic(1);
	my ($f, $function) = with_functions($b, $topic, { %$FUNCTION,
		fallback => $FUNCTION, onSuccess => $FUNCTION },
	    sink => ['fallback=10', 'success=7', 'same=9'], fallback => [],
	    onSuccess => ['plain=1']);

	$b->produce($topic, 1000);
	$f->start->await_caught_up;
	outcomes_ok($f, delivered => 900, fallback => 100);
	drain($f, $function);
	sunk_ok($f, [@$function{qw(sink fallback)}], produced => 1000,
	    any_order => 1);
	my $success = slurp($function->{onSuccess}{out});
	my $done = () = $success =~ /^Payload - done: v1 .* Keys - a:b /mg;
	my $same = () = $success =~ /^Payload - v1 /mg;

	# Of each 7th those are gone that are a 10th, too; then each 9th.
	is($done, scalar(grep { $_ % 7 == 6 && $_ % 10 != 9 } 0 .. 999),
	    'what the sink makes of a record goes to onSuccess');
	is($same, scalar(grep { $_ % 9 == 8 && $_ % 7 != 6 &&
	    $_ % 10 != 9 } 0 .. 999), 'or the record itself');
};

body function_crashes => 'a record that crashes the function', sub {
	my ($b) = @_;
	my $topic = $b->topic(1);
	my $dead = $b->topic(1, output => 1);
	my ($f, $function) = with_functions($b, $topic, $FUNCTION,
	    sink => ['crash=700'],
	    host => { deadLetter => { topic => $dead },
		poisonPill => { kills => 2 } });
	my $sink = $function->{sink};

	$b->produce($topic, 1000);
	$f->start;
	for (1 .. 3) {
		wait_until { !pid_alive($sink->{pid}) } 'the function ends',
		    60;
		$sink->start;
	}
	$f->await_caught_up;
	outcomes_ok($f, delivered => 999, dead_lettered => 1);
	drain($f, $function);
	my ($reason) = run_ok(['kcat', '-C', '-e', '-q', '-b', $b->bootstrap,
	    '-t', $dead, '-o', 'beginning', '-f', '%h'],
	    timeout => patience(60)) =~ /forebay\.reason=([^,]*)/;

	is($reason, 'it has crashed the sink function each time',
	    'the function is named as the culprit');
}, only => 'kafka';

body function_killed => 'the function is killed and stopped under load', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my ($f, $function) = with_functions($b, $topic, $FUNCTION,
	    sink => []);
	my $sink = $function->{sink};

	$b->produce($topic, 30_000);
	$f->start_ready(4);
	my $generation = $f->group_generation;

	for my $n (1 .. 3) {
		wait_until { $sink->lines >= $n * 3000 } 'records arrive', 60;
		$sink->stop('KILL');
		$sink->start;
	}
	wait_until { $sink->lines >= 12_000 } 'records arrive', 60;
	kill('STOP', $sink->{pid});
	my $then = $f->outcomes->{delivered};

	is_soon { ($f->http('/metrics'))[0] == 200 } 'forebay answers';
	is($f->group_generation, $generation, 'no rebalance');
	kill('CONT', $sink->{pid});
	$f->await_caught_up;
	cmp_ok($f->outcomes->{delivered}, '>', $then, 'it goes on');
	drain($f, $function);
	sunk_ok($f, [$sink], produced => 30_000, any_order => 1,
	    repeated => 3 * 500);
};

1;
