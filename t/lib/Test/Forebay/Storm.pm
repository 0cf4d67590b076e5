# SPDX-License-Identifier: Apache-2.0
#
# A storm: for some minutes everything that can break breaks, at random, and
# at the end nothing is lost, and no more is repeated than the faults allow.
#
#	Test::Forebay::Storm->new(minutes => 2, seed => 7)->run;
#
# What happens when is drawn from the seed before anything starts.  When a
# fault cannot be had at that moment (its host is down) it is left out, and
# said to be.  Options:
#
#	minutes		how long faults come (2)
#	seed		a number; else one is made up, and printed
#	delivery	atLeastOnce (default) or exactlyOnce
#	functions	true: with functions of the user's; see Storm/Functions.pm
#	sink		log, kafka or function; else the seed says, or the delivery
#	hosts		how many, of one group (2)
#	only		names of faults, a list; see Storm/Faults.pm
#	rate		records per second (2000)
#	keep		a directory to leave logs in
#	level		the hosts' log level
package Test::Forebay::Storm;

use strict;
use warnings;

use parent qw(Test::Forebay::Storm::Alarms Test::Forebay::Storm::Allowed
	Test::Forebay::Storm::Asking Test::Forebay::Storm::Broker
	Test::Forebay::Storm::Edge Test::Forebay::Storm::Functions
	Test::Forebay::Storm::Hosts);

use List::Util qw(sum0);
use Test::More;
use Time::HiRes qw(sleep time);

use Test::Forebay;
use Test::Forebay::Committed;
use Test::Forebay::Storm::Dice;
use Test::Forebay::Storm::Faults;
use Test::Forebay::Storm::Outside;
use Test::Forebay::Storm::Watch;
use Test::Forebay::Util;

my $TICK = 0.02;
my $LOOK = 1;			# seconds between looks at what is committed

sub new
{
	my ($class, %opt) = @_;
	my $self = bless {
		minutes => 2, delivery => 'atLeastOnce', hosts => 2,
		rate => 2000, seed => int(time) ^ $$, level => 'notice',
		(map { ($_ => $opt{$_}) } grep { defined $opt{$_} } keys %opt),
	}, $class;

	$self->{seed} %= 2 ** 32;
	$self->{seconds} = $self->{minutes} * 60;
	$self->{sink} //= $self->{delivery} eq 'exactlyOnce' ? 'kafka' :
	    Test::Forebay::Storm::Dice->new($self->{seed} + 1)->pick(
		[1, 'log'], [1, 'kafka'],
		$self->{functions} ? [2, 'function'] : ());
	$self->{later} = [];
	$self->{jobs} = [];
	$self->{applied} = [];
	$self->{failures} = [];
	$self->{plan} = [Test::Forebay::Storm::Faults::plan(
	    map { ($_ => $self->{$_}) } qw(seed seconds hosts only sink functions))];
	return $self;
}

# ---- what is said --------------------------------------------------------

sub tell
{
	my ($self, $fmt, @args) = @_;

	note(sprintf("%7.2f s  $fmt", time - $self->{began}, @args));
	return;
}

sub failure
{
	my ($self, $what) = @_;

	push @{$self->{failures}}, sprintf('%.2f s: %s',
	    time - $self->{began}, $what);
	$self->tell('NOT AS IT SHOULD BE: %s', $what);
	return;
}
# ---- the storm -----------------------------------------------------------

sub later
{
	my ($self, $secs, $code) = @_;

	@{$self->{later}} = sort { $a->[0] <=> $b->[0] } @{$self->{later}},
	    [time + $secs, $code];
	return;
}

sub turn
{
	my ($self) = @_;

	while (@{$self->{later}} && $self->{later}[0][0] <= time) {
		(shift @{$self->{later}})->[1]->();
	}
	$self->look_at_broker;
	$self->look_at_producers;
	$self->look_at_host($_) for @{$self->{h}};
	$self->look_at_jobs;
	$self->look_at_alarms;
	sleep $TICK;
	return;
}

# Can it be had now?  The reason why not.
sub hindrance
{
	my ($self, $row, $h) = @_;

	return "alarm $self->{awaited}{what} is awaited"
	    if $self->{awaited} && !$row->{mild};
	return "the broker is $self->{broker_state}"
	    if $row->{needs} eq 'broker' && $self->{broker_state} ne 'up';
	return "it is $h->{state}" if $row->{needs} =~ /^(?:up|log|disk|lines|function)$/ &&
	    $h->{state} ne 'up';
	return 'it has no pipe' if $row->{needs} eq 'log' && !$h->{relay};
	return 'it has no disk' if $row->{needs} eq 'disk' && !$h->{disk};
	return;
}

sub apply
{
	my ($self, $fault) = @_;
	my $row = Test::Forebay::Storm::Faults::by_name($fault->{name});
	my $h = $self->{h}[$fault->{host}];
	my $args = $fault->{args};
	my $what = join(' ', $fault->{name},
	    ($row->{needs} eq 'broker' ? () : $h->{name}),
	    map { "$_=$args->{$_}" } sort keys %$args);
	my $time = time;
	my $did = $self->hindrance($row, $h) //
	    $row->{code}->($self, $h, $args);

	unless (ref $did) {
		$self->tell('(not %s: %s)', $what, $did);
		return;
	}
	my ($may, $worst, $lasts) = @$did;

	push @{$self->{applied}}, { name => $fault->{name}, time => $time,
		may => $may, worst => $worst, lasts => $lasts,
		calm => $row->{calm} };
	$self->{awaited}{fault} //= $self->{applied}[-1] if $self->{awaited};
	$self->tell('%s', $what);
	return;
}

sub blow
{
	my ($self) = @_;
	my @plan = @{$self->{plan}};

	while (@plan || time < $self->{began} + $self->{seconds}) {
		if (@plan && time >= $self->{began} + $plan[0]{at}) {
			$self->apply(shift @plan);
		}
		$self->turn;
	}
	return;
}

# Everything that was stopped goes on, and everything that was down is up.
sub calm_down
{
	my ($self) = @_;
	my $until = time + patience(120);

	$self->tell('no more faults');
	while (@{$self->{later}} || @{$self->{jobs}} || $self->{awaited} ||
	    $self->{broker_state} ne 'up' ||
	    grep { $_->{state} ne 'up' } @{$self->{h}}) {
		die "not everything is running again:\n"
		    . $self->what_is_there if time > $until;
		$self->turn;
	}
	return;
}

sub what_is_there
{
	my ($self) = @_;

	return join('', "broker: $self->{broker_state}\n",
	    (map { "host $_->{name}: $_->{state}\n" } @{$self->{h}}),
	    (map { "open: $_->{what}\n" } @{$self->{jobs}}));
}

sub start
{
	my ($self) = @_;

	$self->{began} = time;
	$self->start_broker;
	$self->add_host($_) for 0 .. $self->{hosts} - 1;
	$self->{watch} = Test::Forebay::Storm::Watch->new(
	    map { "$_->{f}{run}/ledger" } @{$self->{h}});
	$self->{committed} = [map { Test::Forebay::Committed->start(
	    $self->{broker}, $self->{group}, $_, $LOOK) }
	    grep { $_ ne $self->{edge} } @{$self->{topics}}];
	$self->start_host($_) for @{$self->{h}};
	$self->await_all_held;
	$self->start_producers;
	return;
}

sub await_all_held
{
	my ($self) = @_;
	my $all = sum0(@{$self->{partitions}});

	return wait_until {
		$self->look_at_host($_) for @{$self->{h}};
		return sum0(map { $_->{f}->held } @{$self->{h}}) == $all;
	} "the hosts hold $all partitions", 120;
}

# After the faults: all is well again, without anybody's help.
sub recovered
{
	my ($self) = @_;

	$self->await_all_held;
	# The last one may have been a bad manifest, and that is an alarm until
	# a good one comes.
	for my $h (@{$self->{h}}) {
		$h->{f}->write_manifest;
		run([$h->{f}->command, 'reload', '-d', $h->{f}{run}]);
	}
	for my $h (@{$self->{h}}) {
		is_soon {
			my $s = $h->{f}->status // return 0;

			return $s->{manifest}{reload} eq 'IDLE' &&
			    $h->{f}->worker_pids == $h->{workers};
		} "host $h->{name} has its $h->{workers} workers", 120;
		my @alarms;

		is_soon {
			@alarms = @{($h->{f}->status //
			    { alarms => [{ text => 'no status' }] })->{alarms}};
			return !@alarms;
		} "host $h->{name}: no alarm stays", 120
		    or diag(map { "$_->{text}\n" } @alarms);
	}
	$_->close for @{$self->{producers}};
	wait_until {
		$self->turn;
		return $self->{broker}->is_caught_up($self->{group},
		    @{$self->{topics}});
	} 'the group has committed the end of the log', 180;
	return;
}

sub drain
{
	my ($self) = @_;

	$self->{said} = [map { $_->{f}->log_text } @{$self->{h}}];
	$_->{f}->drain for @{$self->{h}};
	$self->close_relays;
	$_->{f}->finish for @{$self->{h}};
	$self->{broker}->caught_up_ok($self->{group}, @{$self->{topics}});
	$_->never_back_ok(except => sub { $self->was_loading(@_) })
	    for @{$self->{committed}};
	return;
}

sub verdict
{
	my ($self) = @_;
	my $allowed = $self->allowed;
	my @from = $self->{sink} eq 'kafka' ? (from => $self->{copy},
	    committed => $self->{delivery} eq 'exactlyOnce') :
	    (logs => [map { $_->{log} } @{$self->{h}}]);
	my $v = $self->{broker}->delivered_ok(@from, repeated => $allowed);

	$self->function_lines_ok if $self->{sink} eq 'function';
	$self->{verdict} = $v;
	is(join("\n", @{$self->{failures}}), '', 'all else is as it should');
	is(join(' ', Test::Forebay::Storm::Faults::unsaid(
	    join('', @{$self->{said}}),
	    @{$self->{applied}})), '', 'each fault was told of that should be');
	$self->{summary} = sprintf('storm: seed %d, %g min, %d faults, '
	    . 'produced %d, lost %d, repeated %d (allowed %d), stand-still '
	    . 'median/max: %s', $self->{seed}, $self->{minutes},
	    scalar @{$self->{applied}}, $v->{produced}, $v->{lost},
	    $v->{repeated}, $allowed, $self->stand_still);
	return;
}

sub stand_still
{
	my ($self) = @_;
	my $by = Test::Forebay::Storm::Watch::by_fault($self->{applied},
	    @{$self->{pauses}});

	return join(', ', map {
		my @secs = sort { $a <=> $b } @{$by->{$_}};

		sprintf('%s %.1f/%.1f s (%d)', $_, $secs[$#secs / 2],
		    $secs[-1], scalar @secs);
	} sort keys %$by);
}

# As tests; true if all went well.  `summary` has it in a line.
sub run_all
{
	my ($self) = @_;

	note(sprintf('storm: seed %d, %g min, %s, %s sink, %d hosts%s',
	    @$self{qw(seed minutes delivery sink hosts)},
	    $self->{functions} ? ', functions' : ''));
	$self->start;
	$self->{began} = time;
	$self->blow;
	$self->calm_down;
	$self->recovered;
	$self->{pauses} = [$self->{watch}->stop];
	$self->drain;
	$self->verdict;
	return;
}

# Those of the hosts are there already.
sub keep_logs
{
	my ($self) = @_;

	eval { spew("$self->{keep}/broker.log",
	    slurp("$self->{broker}{dir}/log")) };
	for my $p (@{$self->{producers} // []}) {
		eval { spew("$self->{keep}/producer-" . ++$self->{kept},
		    slurp("$p->{scratch}/err")) };
	}
	return;
}

# What its hosts assert at their end is said where this is called.
sub finish
{
	my ($self) = @_;

	$self->keep_logs if $self->{keep} && $self->{broker};
	kill('CONT', $self->{broker}{pid}) if $self->{broker} &&
	    $self->{broker}{pid};
	for my $h (@{$self->{h} // []}) {
		kill('CONT', pids_in($h->{f}{dir}), $h->{relay} // ());
		kill_pid($h->{relay}) if $h->{relay};
		Test::Forebay::Storm::Outside::remove_disk($h->{disk})
		    if $h->{disk};
	}
	%$self = ();
	return;
}

sub DESTROY
{
	my ($self) = @_;

	local ($?, $@);
	$self->finish;
	return;
}

1;
